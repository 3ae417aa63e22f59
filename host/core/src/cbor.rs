//! Deterministic CBOR (RFC 8949 §4.2.1), written and read canonically.
//!
//! Everything that is hashed in Manes is CBOR, so one value must have one encoding: shortest integers,
//! definite lengths, map keys sorted by their encoded bytes, no duplicate keys, nothing after the end. The
//! reader refuses whatever breaks a rule instead of repairing it; a repaired record would hash to something else.
//!
//! One rule is our own, as RFC 8949 §4.2.2 lets a protocol decide: a float keeps the width of its type and all
//! its bits, so that `f32` and `f64`, and every NaN, survive a round trip.

use crate::item::Item;
use thiserror::Error;

/// Deepest nesting the reader follows. WIT types cannot recurse, so real values stay far below this.
pub const DEPTH_MAX: usize = 64;

/// Why bytes are not the one encoding of a value. Nothing was consumed that the caller can rely on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CborError {
    /// The input ends inside an item.
    #[error("CBOR ends early at byte {at}")]
    Short {
        /// Offset of the item that could not be completed.
        at: usize,
    },
    /// Well-formed, but not the shortest or sorted form.
    #[error("CBOR is not canonical at byte {at}: {why}")]
    NotCanonical {
        /// Offset of the offending item.
        at: usize,
        /// The broken rule.
        why: &'static str,
    },
    /// A kind of item this format does not use (tags, indefinite lengths, other simple values).
    #[error("CBOR item 0x{initial:02x} at byte {at} is not used by this format")]
    Unsupported {
        /// Offset of the item.
        at: usize,
        /// Its initial byte.
        initial: u8,
    },
    /// Text that is not UTF-8.
    #[error("CBOR text at byte {at} is not UTF-8")]
    Utf8 {
        /// Offset of the text.
        at: usize,
    },
    /// Another type of item stood where one was expected.
    #[error("expected {expected} at byte {at}")]
    Type {
        /// Offset of the item.
        at: usize,
        /// What the reader asked for.
        expected: &'static str,
    },
    /// More nesting than [`DEPTH_MAX`].
    #[error("CBOR nests deeper than {DEPTH_MAX} at byte {at}")]
    Deep {
        /// Offset of the item.
        at: usize,
    },
    /// Bytes follow the item.
    #[error("{left} bytes follow the CBOR item")]
    Trailing {
        /// How many.
        left: usize,
    },
}

/// Appends canonical items to a buffer. The caller announces lengths and sorts keys.
#[derive(Debug, Default, Clone)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written so far.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// How many bytes have been written.
    #[must_use]
    pub fn written(&self) -> usize {
        self.out.len()
    }

    fn head(&mut self, major: u8, value: u64) {
        let major = major << 5;
        let be = value.to_be_bytes();
        match value {
            0..=23 => self.out.push(major | value.to_le_bytes()[0]),
            24..=0xff => self.out.extend([major | 24, be[7]]),
            0x100..=0xffff => self.out.extend([major | 25, be[6], be[7]]),
            0x1_0000..=0xffff_ffff => self.out.extend([major | 26, be[4], be[5], be[6], be[7]]),
            _ => {
                self.out.push(major | 27);
                self.out.extend(be);
            }
        }
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) {
        self.head(0, value);
    }

    /// A signed integer.
    pub fn int(&mut self, value: i64) {
        if value < 0 { self.head(1, !value.cast_unsigned()) } else { self.head(0, value.cast_unsigned()) }
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) {
        self.head(2, value.len() as u64);
        self.out.extend_from_slice(value);
    }

    /// A text string.
    pub fn text(&mut self, value: &str) {
        self.head(3, value.len() as u64);
        self.out.extend_from_slice(value.as_bytes());
    }

    /// The head of an array of `len` items, which follow.
    pub fn array(&mut self, len: usize) {
        self.head(4, len as u64);
    }

    /// The head of a map of `len` pairs, which follow in canonical key order.
    pub fn map(&mut self, len: usize) {
        self.head(5, len as u64);
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) {
        self.out.push(if value { 0xf5 } else { 0xf4 });
    }

    /// Null.
    pub fn null(&mut self) {
        self.out.push(0xf6);
    }

    /// A 32-bit float by its bits, never shortened.
    pub fn f32_bits(&mut self, bits: u32) {
        self.out.push(0xfa);
        self.out.extend(bits.to_be_bytes());
    }

    /// A 64-bit float by its bits, never shortened.
    pub fn f64_bits(&mut self, bits: u64) {
        self.out.push(0xfb);
        self.out.extend(bits.to_be_bytes());
    }

    /// An item that is already encoded.
    pub fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }
}

/// Reads canonical items one by one.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
    }

    /// Offset of the next item.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// Fails unless everything was read.
    ///
    /// # Errors
    /// [`CborError::Trailing`].
    pub const fn end(&self) -> Result<(), CborError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            left => Err(CborError::Trailing { left }),
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], CborError> {
        let end = self.at.checked_add(len).ok_or(CborError::Short { at: self.at })?;
        let slice = self.bytes.get(self.at..end).ok_or(CborError::Short { at: self.at })?;
        self.at = end;
        Ok(slice)
    }

    fn be(&mut self, width: usize) -> Result<u64, CborError> {
        Ok(self.take(width)?.iter().fold(0, |acc, byte| acc << 8 | u64::from(*byte)))
    }

    /// The next item's initial byte, not consumed.
    ///
    /// # Errors
    /// [`CborError::Short`] at the end.
    pub fn peek(&self) -> Result<u8, CborError> {
        self.bytes.get(self.at).copied().ok_or(CborError::Short { at: self.at })
    }

    fn head(&mut self) -> Result<(u8, u64, usize), CborError> {
        let at = self.at;
        let initial = self.take(1)?.first().copied().unwrap_or_default();
        let (major, info) = (initial >> 5, initial & 0x1f);
        let (value, least) = match info {
            0..=23 => (u64::from(info), 0),
            24 => (self.be(1)?, 24),
            25 => (self.be(2)?, 0x100),
            26 => (self.be(4)?, 0x1_0000),
            27 => (self.be(8)?, 0x1_0000_0000),
            _ => return Err(CborError::Unsupported { at, initial }),
        };
        if value < least {
            return Err(CborError::NotCanonical { at, why: "an integer or length is not in its shortest form" });
        }
        Ok((major, value, at))
    }

    fn expect(&mut self, major: u8, expected: &'static str) -> Result<u64, CborError> {
        let (found, value, at) = self.head()?;
        if found == major { Ok(value) } else { Err(CborError::Type { at, expected }) }
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// Another item, or a broken rule.
    pub fn uint(&mut self) -> Result<u64, CborError> {
        self.expect(0, "an unsigned integer")
    }

    /// A signed integer.
    ///
    /// # Errors
    /// Another item, one out of range, or a broken rule.
    pub fn int(&mut self) -> Result<i64, CborError> {
        let (major, value, at) = self.head()?;
        let wrong = CborError::Type { at, expected: "a signed 64-bit integer" };
        let value = i64::try_from(value).map_err(|_| wrong.clone())?;
        match major {
            0 => Ok(value),
            1 => Ok(!value),
            _ => Err(wrong),
        }
    }

    fn length(&mut self, major: u8, expected: &'static str) -> Result<usize, CborError> {
        let at = self.at;
        let len = self.expect(major, expected)?;
        // Each item takes at least a byte: a length beyond the input is refused before anything is allocated.
        usize::try_from(len).ok().filter(|len| *len <= self.bytes.len() - self.at).ok_or(CborError::Short { at })
    }

    /// A byte string.
    ///
    /// # Errors
    /// Another item, or a broken rule.
    pub fn bytes(&mut self) -> Result<&'a [u8], CborError> {
        let len = self.length(2, "a byte string")?;
        self.take(len)
    }

    /// A byte string of exactly `N` bytes.
    ///
    /// # Errors
    /// Another item or length, or a broken rule.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], CborError> {
        let at = self.at;
        self.bytes()?.try_into().map_err(|_| CborError::Type { at, expected: "a byte string of another length" })
    }

    /// A text string.
    ///
    /// # Errors
    /// Another item, text that is not UTF-8, or a broken rule.
    pub fn text(&mut self) -> Result<&'a str, CborError> {
        let at = self.at;
        let len = self.length(3, "text")?;
        std::str::from_utf8(self.take(len)?).map_err(|_| CborError::Utf8 { at })
    }

    /// An array's head: how many items follow.
    ///
    /// # Errors
    /// Another item, or a broken rule.
    pub fn array(&mut self) -> Result<usize, CborError> {
        self.length(4, "an array")
    }

    /// A map's head: how many pairs follow. Use [`Reader::key_order`] after each key.
    ///
    /// # Errors
    /// Another item, or a broken rule.
    pub fn map(&mut self) -> Result<usize, CborError> {
        self.length(5, "a map")
    }

    /// The encoded bytes between `start` and the reader's position.
    #[must_use]
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// Checks that the key just read, which began at `start`, sorts strictly after `previous`.
    ///
    /// # Errors
    /// [`CborError::NotCanonical`].
    pub fn key_order(&self, previous: Option<&[u8]>, start: usize) -> Result<&'a [u8], CborError> {
        let key = self.since(start);
        match previous {
            Some(previous) if previous >= key => {
                Err(CborError::NotCanonical { at: start, why: "map keys are not sorted or not unique" })
            }
            Some(_) | None => Ok(key),
        }
    }

    /// A boolean.
    ///
    /// # Errors
    /// Another item.
    pub fn bool(&mut self) -> Result<bool, CborError> {
        let at = self.at;
        match self.take(1)? {
            [0xf5] => Ok(true),
            [0xf4] => Ok(false),
            _ => Err(CborError::Type { at, expected: "a boolean" }),
        }
    }

    /// Consumes a null, if one is next.
    ///
    /// # Errors
    /// [`CborError::Short`] at the end.
    pub fn null(&mut self) -> Result<bool, CborError> {
        let is_null = self.peek()? == 0xf6;
        self.at += usize::from(is_null);
        Ok(is_null)
    }

    fn float(&mut self, initial: u8, width: usize, expected: &'static str) -> Result<u64, CborError> {
        let at = self.at;
        if self.take(1)? != [initial] {
            return Err(CborError::Type { at, expected });
        }
        self.be(width)
    }

    /// The bits of a 32-bit float.
    ///
    /// # Errors
    /// Another item.
    pub fn f32_bits(&mut self) -> Result<u32, CborError> {
        let at = self.at;
        let bits = self.float(0xfa, 4, "a 32-bit float")?;
        u32::try_from(bits).map_err(|_| CborError::Type { at, expected: "a 32-bit float" })
    }

    /// The bits of a 64-bit float.
    ///
    /// # Errors
    /// Another item.
    pub fn f64_bits(&mut self) -> Result<u64, CborError> {
        self.float(0xfb, 8, "a 64-bit float")
    }

    /// Any item.
    ///
    /// # Errors
    /// A broken rule, an unused kind of item, or too much nesting.
    pub fn item(&mut self) -> Result<Item, CborError> {
        if self.depth == DEPTH_MAX {
            return Err(CborError::Deep { at: self.at });
        }
        self.depth += 1;
        let item = self.item_inner();
        self.depth -= 1;
        item
    }

    fn item_inner(&mut self) -> Result<Item, CborError> {
        let initial = self.peek()?;
        Ok(match initial >> 5 {
            0 => Item::Uint(self.uint()?),
            1 => Item::Negative(self.expect(1, "a negative integer")?),
            2 => Item::Bytes(self.bytes()?.to_vec()),
            3 => Item::Text(self.text()?.to_owned()),
            4 => {
                let len = self.array()?;
                Item::Array((0..len).map(|_| self.item()).collect::<Result<_, _>>()?)
            }
            5 => self.map_items()?,
            _ => match initial {
                0xf4 | 0xf5 => Item::Bool(self.bool()?),
                0xf6 => {
                    self.null()?;
                    Item::Null
                }
                0xfa => Item::F32(self.f32_bits()?),
                0xfb => Item::F64(self.f64_bits()?),
                _ => return Err(CborError::Unsupported { at: self.at, initial }),
            },
        })
    }

    fn map_items(&mut self) -> Result<Item, CborError> {
        let len = self.map()?;
        let mut pairs = Vec::new();
        let mut previous: Option<&[u8]> = None;
        for _ in 0..len {
            let start = self.at;
            let key = self.item()?;
            previous = Some(self.key_order(previous, start)?);
            pairs.push((key, self.item()?));
        }
        Ok(Item::Map(pairs))
    }
}

/// Writes a map of text keys in canonical order: shorter keys first, then bytewise, as their encodings sort.
pub fn text_map<F: FnOnce(&mut Writer)>(writer: &mut Writer, mut pairs: Vec<(&str, F)>) {
    pairs.sort_by(|a, b| key_cmp(a.0, b.0));
    writer.map(pairs.len());
    for (key, write) in pairs {
        writer.text(key);
        write(writer);
    }
}

/// The order of two text keys by their encoded bytes: the length head decides first.
#[must_use]
pub fn key_cmp(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes()))
}
