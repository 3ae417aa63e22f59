//! Pages of a scan → records, with `csv-core`: a table-driven parser that has nothing in common with the one that
//! wrote the pages.

use csv_core::{ReadRecordResult, Reader};
use table_client::{Error, Scan};

/// What one call may bring; the largest page the table gives.
const PAGE_BYTES: u32 = 256 << 10;

/// One record, as text with the ends of its cells.
#[derive(Debug, Default)]
pub struct Record {
    text: Vec<u8>,
    ends: Vec<usize>,
    cells: usize,
}

impl Record {
    /// How many cells there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cells
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cells == 0
    }

    /// A cell as it stands in the file; empty beyond the last.
    #[must_use]
    pub fn cell(&self, at: usize) -> &str {
        let start = if at == 0 { Some(0) } else { self.ends.get(at - 1).copied() };
        let range = start.zip(self.ends.get(at).copied()).filter(|_| at < self.cells);
        let bytes = range.and_then(|(start, end)| self.text.get(start..end)).unwrap_or_default();
        // Cut out of valid text at separators, so this cannot fail.
        str::from_utf8(bytes).unwrap_or_default()
    }
}

/// Calls `each` for every record of the scan.
///
/// # Errors
///
/// What the scan or `each` fails with.
pub fn for_each(mut scan: impl Scan, mut each: impl FnMut(&Record) -> Result<(), Error>) -> Result<(), Error> {
    let mut record = Record { text: vec![0; 4_096], ends: vec![0; 64], cells: 0 };
    while let Some(page) = scan.next(PAGE_BYTES)? {
        // A page holds whole records, so each starts with a fresh parser.
        let mut parser = Reader::new();
        let mut input = page.as_bytes();
        while read(&mut parser, &mut input, &mut record) {
            each(&record)?;
        }
    }
    Ok(())
}

/// The next record of a page; `false` at its end.
fn read(parser: &mut Reader, input: &mut &[u8], record: &mut Record) -> bool {
    let (mut written, mut cells) = (0, 0);
    loop {
        let text = record.text.get_mut(written..).unwrap_or_default();
        let ends = record.ends.get_mut(cells..).unwrap_or_default();
        let (result, consumed, output, ended) = parser.read_record(input, text, ends);
        *input = input.get(consumed..).unwrap_or_default();
        written += output;
        cells += ended;
        match result {
            // The next call, with nothing left to read, ends the page's last record.
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull => record.text.resize(record.text.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => record.ends.resize(record.ends.len() * 2, 0),
            ReadRecordResult::Record => {
                record.cells = cells;
                return true;
            }
            ReadRecordResult::End => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pages(Vec<&'static str>);

    impl Scan for Pages {
        fn next(&mut self, _max_bytes: u32) -> Result<Option<String>, Error> {
            Ok(if self.0.is_empty() { None } else { Some(self.0.remove(0).to_owned()) })
        }
    }

    fn records(pages: Vec<&'static str>) -> Vec<Vec<String>> {
        let mut out = Vec::new();
        for_each(Pages(pages), |record| {
            out.push((0..record.len()).map(|at| record.cell(at).to_owned()).collect());
            Ok(())
        })
        .unwrap();
        out
    }

    #[test]
    fn records_of_several_pages() {
        let read = records(vec!["a,\"b\"\"\r\n,c\"\r\n,\r\n", "é,NA\r\n"]);
        assert_eq!(read, [["a", "b\"\r\n,c"], ["", ""], ["é", "NA"]]);
        assert_eq!(records(vec!["\"\"\r\nx\r\n"]), [[""], ["x"]]);
        assert!(records(vec![]).is_empty());
    }

    #[test]
    fn long_and_wide_records_grow_the_buffers() {
        let wide: &'static str = Box::leak(format!("{}{}\r\n", "x,".repeat(200), "y".repeat(9_000)).into_boxed_str());
        let read = records(vec![wide]);
        assert_eq!((read[0].len(), read[0][200].len()), (201, 9_000));
    }
}
