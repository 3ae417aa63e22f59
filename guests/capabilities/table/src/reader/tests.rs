//! Records against hand-written expectations, and against the `csv` crate on random input cut into random chunks.

use super::*;
use proptest::prelude::*;

/// A source that hands out a text in pieces of the given size.
pub(crate) struct Pieces {
    text: Vec<u8>,
    at: usize,
    size: usize,
}

impl Pieces {
    pub(crate) fn new(text: &[u8], size: usize) -> Self {
        Self { text: text.to_vec(), at: 0, size }
    }
}

impl Source for Pieces {
    fn read(&mut self) -> Result<Vec<u8>, Error> {
        let end = (self.at + self.size).min(self.text.len());
        let piece = self.text[self.at..end].to_vec();
        self.at = end;
        Ok(piece)
    }
}

fn records(text: &[u8], size: usize) -> Result<Vec<Vec<String>>, Error> {
    let mut reader = Reader::new(Pieces::new(text, size))?;
    let mut out = Vec::new();
    while reader.advance()? {
        out.push((0..reader.len()).map(|i| String::from_utf8_lossy(&reader.cell(i)).into_owned()).collect());
    }
    Ok(out)
}

fn all(text: &str) -> Vec<Vec<String>> {
    let whole = records(text.as_bytes(), 1 << 16).unwrap();
    for size in 1..8 {
        assert_eq!(records(text.as_bytes(), size).unwrap(), whole, "in pieces of {size}");
    }
    whole
}

#[test]
fn ordinary_files() {
    assert_eq!(all("a,b\n1,2\n"), [["a", "b"], ["1", "2"]]);
    assert_eq!(all("a,b\r\n1,2\r\n\r\n3,4"), [["a", "b"], ["1", "2"], ["3", "4"]]);
    assert_eq!(all("a,b\r1,2\r"), [["a", "b"], ["1", "2"]]);
    assert_eq!(all("\u{feff}a,b\n1,\n"), [["a", "b"], ["1", ""]]);
    assert_eq!(all("a;b\n1,5;2\n"), [["a", "b"], ["1,5", "2"]]);
    assert_eq!(all("a\tb\n1\t2\n"), [["a", "b"], ["1", "2"]]);
    assert!(all("").is_empty() && all("\n\r\n").is_empty() && all("\u{feff}").is_empty());
}

#[test]
fn quotes() {
    assert_eq!(all("\"a,\nb\",\"c\"\"d\"\n"), [["a,\nb", "c\"d"]]);
    assert_eq!(all("\"\",x\"y\n"), [["", "x\"y"]]);
    assert_eq!(all("\"a\"b,\"c\"\"\"\"d\"e\n"), [["ab", "c\"\"de"]]);
    assert_eq!(all("\"end\""), [["end"]]);
    assert_eq!(all("a\0b,\"\0\"\n"), [["a\0b", "\0"]]);
}

#[test]
fn what_cannot_be_read() {
    let reason = |text: &[u8]| match records(text, 5) {
        Err(Error::Malformed(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(b"a,b\n1,\"2\n3,4\n"), "record 1 after the header: a quote is opened and never closed");
    assert!(reason(b"\xff\xfea\0").contains("UTF-16"));
    let endless = [b"a\n\"".to_vec(), vec![b'x'; RECORD_BYTES_MAX + 70_000]].concat();
    let Err(Error::Malformed(reason)) = records(&endless, 1 << 16) else { panic!("accepted") };
    assert!(reason.contains("longer than 1024 KiB"), "{reason}");
}

proptest! {
    #[test]
    fn records_are_those_of_the_csv_crate(text in "[ab,\"\r\n;é\u{0}]{0,40}", size in 1usize..9) {
        // Only comma-separated texts, and no open quotes: there the two differ on purpose.
        let text = format!("h,h\n{text}");
        let Ok(ours) = records(text.as_bytes(), size) else { return Ok(()) };
        let theirs: Vec<Vec<String>> = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes())
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        prop_assert_eq!(ours, theirs);
    }
}
