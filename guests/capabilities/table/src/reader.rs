//! CSV records from a stream of bytes.
//!
//! RFC 4180, read the way people write it: LF, CRLF or CR end a record; empty lines are skipped; a quoted cell may
//! hold separators, line ends and doubled quotes; a quote inside an unquoted cell is an ordinary character, and text
//! after a closing quote belongs to the cell. A UTF-8 byte order mark is dropped. The separator is the one that the
//! first line has: comma, else semicolon, else tab.
//!
//! Invariant: one record is complete in the buffer when it is handed out, and the buffer never holds more than one
//! record and one chunk. Why not the `csv` crate: it takes the end of the file for the end of an open quote, which
//! would turn half a file into one cell without a word.

use std::borrow::Cow;

use crate::limits::{COLUMNS_MAX, RECORD_BYTES_MAX};
use crate::wit::Error;

/// Bytes in chunks.
pub trait Source {
    /// The next bytes; empty at the end.
    ///
    /// # Errors
    ///
    /// If reading fails.
    fn read(&mut self) -> Result<Vec<u8>, Error>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// As it stands.
    None,
    /// The range lies between the quotes.
    Plain,
    /// The range includes the quotes; doubled ones or text after the closing one are inside.
    Complex,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    start: usize,
    end: usize,
    quoting: Quoting,
}

/// What became of an attempt to find a record at the start of a buffer.
enum Found {
    /// It ends after this many bytes.
    Record(usize),
    /// Not yet complete; these many bytes of it have been seen.
    Partial,
    /// Nothing but line ends, and no more bytes come.
    End,
    /// The last bytes came, and a quote is open.
    OpenQuote,
}

/// Reads records one after the other.
pub struct Reader<S> {
    source: S,
    buffer: Vec<u8>,
    /// Where the current record starts, and where the next one does.
    start: usize,
    next: usize,
    ended: bool,
    separator: u8,
    fields: Vec<Field>,
    records: u64,
}

impl<S: Source> Reader<S> {
    /// Starts at the beginning of a file and finds out the separator.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is not UTF-8 text.
    pub fn new(source: S) -> Result<Self, Error> {
        let mut reader = Self {
            source,
            buffer: Vec::new(),
            start: 0,
            next: 0,
            ended: false,
            separator: b',',
            fields: Vec::new(),
            records: 0,
        };
        reader.refill()?;
        while reader.buffer.len() < 3 && !reader.ended {
            reader.refill()?;
        }
        if reader.buffer.starts_with(&[0xff, 0xfe]) || reader.buffer.starts_with(&[0xfe, 0xff]) {
            return Err(Error::Malformed("the file is UTF-16; save it as UTF-8 and ask again".to_owned()));
        }
        if reader.buffer.starts_with(&[0xef, 0xbb, 0xbf]) {
            reader.next = 3;
        }
        while !reader.ended && !reader.buffer.contains(&b'\n') && reader.buffer.len() < RECORD_BYTES_MAX {
            reader.refill()?;
        }
        reader.separator = separator(reader.buffer.get(reader.next..).unwrap_or_default());
        Ok(reader)
    }

    /// Goes to the next record; `false` at the end.
    ///
    /// # Errors
    ///
    /// If reading fails, a quote is never closed, or a record is longer than [`RECORD_BYTES_MAX`].
    pub fn advance(&mut self) -> Result<bool, Error> {
        loop {
            let rest = self.buffer.get(self.next..).unwrap_or_default();
            match find(rest, self.separator, self.ended, &mut self.fields) {
                Found::Record(length) => {
                    self.start = self.next;
                    self.next += length;
                    self.records += 1;
                    return Ok(true);
                }
                Found::End => return Ok(false),
                Found::OpenQuote => {
                    return Err(Error::Malformed(format!("{}: a quote is opened and never closed", self.place())));
                }
                Found::Partial if rest.len() > RECORD_BYTES_MAX => {
                    return Err(Error::Malformed(format!(
                        "{}: longer than {} KiB; is there a quote that is never closed?",
                        self.place(),
                        RECORD_BYTES_MAX >> 10,
                    )));
                }
                Found::Partial => self.refill()?,
            }
        }
    }

    /// Cells of the current record.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no current record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The bytes of a cell, without its quotes; empty if the record is too short.
    #[must_use]
    pub fn cell(&self, index: usize) -> Cow<'_, [u8]> {
        let Some(field) = self.fields.get(index) else { return Cow::Borrowed(&[]) };
        let raw = self.buffer.get(self.start + field.start..self.start + field.end).unwrap_or_default();
        match field.quoting {
            Quoting::None | Quoting::Plain => Cow::Borrowed(raw),
            Quoting::Complex => Cow::Owned(unquote(raw)),
        }
    }

    /// Which record comes next, for messages. Not a line: cells may hold line ends.
    fn place(&self) -> String {
        match self.records {
            0 => "the header".to_owned(),
            number => format!("record {number} after the header"),
        }
    }

    fn refill(&mut self) -> Result<(), Error> {
        self.buffer.drain(..self.next.min(self.buffer.len()));
        self.next = 0;
        let chunk = self.source.read()?;
        self.ended = chunk.is_empty();
        self.buffer.extend_from_slice(&chunk);
        Ok(())
    }
}

/// Finds the record at the start of `input` and notes its cells.
fn find(input: &[u8], separator: u8, ended: bool, fields: &mut Vec<Field>) -> Found {
    fields.clear();
    let mut at = input.iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').count();
    if at == input.len() {
        return if ended { Found::End } else { Found::Partial };
    }
    loop {
        let (field, stop) = if input.get(at) == Some(&b'"') {
            match quoted(input, at, separator) {
                Some(found) => found,
                None => return if ended { Found::OpenQuote } else { Found::Partial },
            }
        } else {
            let stop = stop(input, at, separator);
            (Field { start: at, end: stop, quoting: Quoting::None }, stop)
        };
        // Cells beyond any header are dropped by the caller; do not keep a million of them.
        if fields.len() <= COLUMNS_MAX {
            fields.push(field);
        }
        match input.get(stop) {
            Some(&byte) if byte == separator => at = stop + 1,
            Some(_) => return Found::Record(stop + 1),
            None if ended => return Found::Record(stop),
            None => return Found::Partial,
        }
    }
}

/// The next separator or line end, or the end of the input.
#[inline]
fn stop(input: &[u8], at: usize, separator: u8) -> usize {
    let rest = input.get(at..).unwrap_or_default();
    let found = rest.iter().position(|&byte| byte == separator || byte == b'\n' || byte == b'\r');
    found.map_or(input.len(), |length| at + length)
}

/// A cell that starts with a quote, and where it stops. None if the closing quote, or the byte after it that tells
/// whether it is one, has not been seen; at the end of a file that byte does not exist and the cell is complete.
fn quoted(input: &[u8], open: usize, separator: u8) -> Option<(Field, usize)> {
    let mut at = open + 1;
    let mut doubled = false;
    let close = loop {
        at += input.get(at..)?.iter().position(|&byte| byte == b'"')?;
        if input.get(at + 1) != Some(&b'"') {
            break at;
        }
        doubled = true;
        at += 2;
    };
    let stop = stop(input, close + 1, separator);
    let field = if doubled || stop != close + 1 {
        Field { start: open, end: stop, quoting: Quoting::Complex }
    } else {
        Field { start: open + 1, end: close, quoting: Quoting::Plain }
    };
    Some((field, stop))
}

/// Drops the enclosing quotes, undoubles inner ones, keeps text after the closing one.
fn unquote(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().skip(1).copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'"' {
            out.push(byte);
        } else if bytes.peek() == Some(&b'"') {
            out.push(byte);
            bytes.next();
        } else {
            out.extend(bytes);
            break;
        }
    }
    out
}

/// Comma if the first line has one outside quotes, else semicolon, else tab, else comma.
fn separator(input: &[u8]) -> u8 {
    let mut quoted = false;
    let mut seen = [false; 2];
    for &byte in input {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => return b',',
            b';' if !quoted => seen[0] = true,
            b'\t' if !quoted => seen[1] = true,
            b'\n' | b'\r' if !quoted => break,
            _ => {}
        }
    }
    match seen {
        [true, _] => b';',
        [false, true] => b'\t',
        [false, false] => b',',
    }
}

#[cfg(test)]
pub(crate) mod tests;
