//! The header: names of columns, made unique, and what the first records hold.

use std::collections::BTreeSet;

use crate::cell;
use crate::limits::{COLUMNS_MAX, SAMPLE_RECORDS};
use crate::reader::{Reader, Source};
use crate::wit::{Column, Error, Kind};

/// What a table knows of its file without having read it through.
#[derive(Debug, Clone)]
pub struct Header {
    /// The columns in order.
    pub columns: Vec<Column>,
}

/// Reads the header and the first records.
///
/// # Errors
///
/// If the file is empty, has too many columns or cannot be read so far.
pub fn inspect<S: Source>(source: S) -> Result<Header, Error> {
    let mut reader = Reader::new(source)?;
    let headers = headers(&mut reader)?;
    let mut samples = vec![(0_u64, 0_u64); headers.len()];
    let mut records = 0;
    while records < SAMPLE_RECORDS && reader.advance()? {
        records += 1;
        for (index, (numbers, texts)) in samples.iter_mut().enumerate() {
            if let Some(cell) = cell::present(&reader.cell(index)) {
                *(if cell::number(cell).is_some() { numbers } else { texts }) += 1;
            }
        }
    }
    let columns = unique(&headers)
        .into_iter()
        .zip(headers)
        .zip(samples)
        .map(|((name, header), (numbers, texts))| Column { name, header, kind: kind(numbers, texts) })
        .collect();
    Ok(Header { columns })
}

/// Goes to the header and makes sure that it is still the one that `known` describes: a file may change between
/// two calls, and positions would then point at other columns.
///
/// # Errors
///
/// If it is not, or cannot be read.
pub fn skip_header<S: Source>(reader: &mut Reader<S>, known: &Header) -> Result<(), Error> {
    let headers = headers(reader)?;
    if headers.iter().eq(known.columns.iter().map(|column| &column.header)) {
        Ok(())
    } else {
        Err(Error::Io("the file's header changed since it was opened; open it again".to_owned()))
    }
}

fn headers<S: Source>(reader: &mut Reader<S>) -> Result<Vec<String>, Error> {
    if !reader.advance()? {
        return Err(Error::Malformed("the file is empty: its first line has to name the columns".to_owned()));
    }
    if reader.len() > COLUMNS_MAX {
        return Err(Error::Limit(format!("the header has more than {COLUMNS_MAX} columns")));
    }
    Ok((0..reader.len()).map(|index| cell::text(reader.cell(index).trim_ascii()).into_owned()).collect())
}

/// A repeated `x` becomes `x_2`, an empty header `column_3`; never a name that another column has.
fn unique(headers: &[String]) -> Vec<String> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let originals: BTreeSet<&String> = headers.iter().collect();
    let mut out = Vec::with_capacity(headers.len());
    for (index, header) in headers.iter().enumerate() {
        let wanted = if header.is_empty() { format!("column_{}", index + 1) } else { header.clone() };
        let mut name = wanted.clone();
        let mut number = 1_usize;
        while taken.contains(&name) || (number > 1 && originals.contains(&name)) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        taken.insert(name.clone());
        out.push(name);
    }
    out
}

const fn kind(numbers: u64, texts: u64) -> Kind {
    match (numbers, texts) {
        (0, 0) => Kind::Empty,
        (_, 0) => Kind::Number,
        (0, _) => Kind::Text,
        (_, _) => Kind::Mixed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::tests::Pieces;

    fn header(text: &str) -> Result<Vec<(String, Kind)>, Error> {
        let header = inspect(Pieces::new(text.as_bytes(), 7))?;
        Ok(header.columns.into_iter().map(|column| (column.name, column.kind)).collect())
    }

    #[test]
    fn kinds_come_from_present_cells() {
        let columns = header("a,b,c,d\n1,x,NA,5\n2.5,y,,z\n").unwrap();
        assert!(matches!(
            columns.iter().map(|(_, kind)| *kind).collect::<Vec<_>>().as_slice(),
            [Kind::Number, Kind::Text, Kind::Empty, Kind::Mixed]
        ));
    }

    #[test]
    fn names_are_unique() {
        let names: Vec<String> = header("x,x,,x_2,x, y \n").unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["x", "x_3", "column_3", "x_2", "x_4", "y"]);
    }

    #[test]
    fn an_empty_file_is_an_error_that_says_so() {
        for text in ["", "\n\n", "\u{feff}"] {
            assert!(matches!(header(text), Err(Error::Malformed(reason)) if reason.contains("empty")));
        }
        assert_eq!(header("only\n").unwrap().len(), 1);
    }

    #[test]
    fn a_changed_header_is_noticed() {
        let known = inspect(Pieces::new(b"a,b\n", 9)).unwrap();
        let mut same = Reader::new(Pieces::new(b"a,b\n1,2\n", 9)).unwrap();
        assert!(skip_header(&mut same, &known).is_ok());
        let mut other = Reader::new(Pieces::new(b"b,a\n1,2\n", 9)).unwrap();
        assert!(matches!(skip_header(&mut other, &known), Err(Error::Io(_))));
    }
}
