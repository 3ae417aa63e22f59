//! Records cut down to some columns, page by page, as RFC 4180 text.
//!
//! A page is one string, so that a large file crosses in few calls. Cells come as they stand in the file, white
//! space and words for "missing" included: judging them is the reader's business.

use crate::inspect::{Header, skip_header};
use crate::limits::PAGE_BYTES_MAX;
use crate::reader::{Reader, Source};
use crate::wit::Error;

/// A walk over a file.
pub struct Pages<S> {
    reader: Reader<S>,
    columns: Vec<usize>,
    /// A record that did not fit into the last page.
    pending: Vec<u8>,
    ended: bool,
}

impl<S: Source> Pages<S> {
    /// Starts after the header.
    ///
    /// # Errors
    ///
    /// If a column does not exist, none is named, or the header changed.
    pub fn new(header: &Header, source: S, columns: &[u32]) -> Result<Self, Error> {
        if columns.is_empty() {
            return Err(Error::InvalidPlan("a scan needs at least one column".to_owned()));
        }
        if let Some(column) = columns.iter().find(|&&column| column as usize >= header.columns.len()) {
            return Err(Error::InvalidPlan(format!("the scan wants column {column} of {}", header.columns.len())));
        }
        let mut reader = Reader::new(source)?;
        skip_header(&mut reader, header)?;
        let columns = columns.iter().map(|&column| column as usize).collect();
        Ok(Self { reader, columns, pending: Vec::new(), ended: false })
    }

    /// The next page: whole records, at most `bytes_max` unless one record alone is longer.
    ///
    /// # Errors
    ///
    /// If the file is malformed from here on or cannot be read.
    pub fn next(&mut self, bytes_max: u32) -> Result<Option<String>, Error> {
        let bytes_max = (bytes_max as usize).min(PAGE_BYTES_MAX);
        let mut page = std::mem::take(&mut self.pending);
        page.reserve(bytes_max.saturating_sub(page.len()));
        while !self.ended && page.len() < bytes_max {
            if !self.reader.advance()? {
                self.ended = true;
                break;
            }
            let before = page.len();
            self.write(&mut page);
            if page.len() > bytes_max && before > 0 {
                self.pending = page.split_off(before);
                break;
            }
        }
        if page.is_empty() {
            return Ok(None);
        }
        // Checked once for the page, repaired only if need be.
        Ok(Some(String::from_utf8(page).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())))
    }

    fn write(&self, page: &mut Vec<u8>) {
        let alone = self.columns.len() == 1;
        for (position, &column) in self.columns.iter().enumerate() {
            if position > 0 {
                page.push(b',');
            }
            let cell = self.reader.cell(column);
            let quoted = cell.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'));
            // An empty line would be no record at all.
            if quoted || (alone && cell.is_empty()) {
                page.push(b'"');
                for &byte in cell.iter() {
                    if byte == b'"' {
                        page.push(b'"');
                    }
                    page.push(byte);
                }
                page.push(b'"');
            } else {
                page.extend_from_slice(&cell);
            }
        }
        page.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::inspect;
    use crate::reader::tests::Pieces;

    fn pages(text: &[u8], columns: &[u32], bytes_max: u32) -> Result<Vec<String>, Error> {
        let header = inspect(Pieces::new(text, 5))?;
        let mut pages = Pages::new(&header, Pieces::new(text, 5), columns)?;
        let mut out = Vec::new();
        while let Some(page) = pages.next(bytes_max)? {
            out.push(page);
        }
        Ok(out)
    }

    #[test]
    fn pages_hold_whole_records() {
        let text = b"a,b,c\n1,x,3\n\"4,\"\"\",y\n,,z\n";
        assert_eq!(pages(text, &[0, 2], 1 << 20).unwrap(), ["1,3\r\n\"4,\"\"\",\r\n,z\r\n"]);
        assert_eq!(pages(text, &[0, 2], 12).unwrap(), ["1,3\r\n", "\"4,\"\"\",\r\n", ",z\r\n"]);
        assert_eq!(pages(text, &[0, 2], 1).unwrap().len(), 3);
    }

    #[test]
    fn an_empty_cell_alone_is_still_a_record() {
        assert_eq!(pages(b"a,b\n,1\nx,2\n", &[0], 100).unwrap(), ["\"\"\r\nx\r\n"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(pages(b"a\nx\xff\n", &[0], 100).unwrap(), ["x\u{fffd}\r\n"]);
    }

    #[test]
    fn columns_have_to_exist() {
        assert!(matches!(pages(b"a\n1\n", &[1], 9), Err(Error::InvalidPlan(_))));
        assert!(matches!(pages(b"a\n1\n", &[], 9), Err(Error::InvalidPlan(_))));
        assert!(pages(b"a\n", &[0], 9).unwrap().is_empty());
    }
}
