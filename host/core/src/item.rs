//! Any item as an owned tree, for readers that do not know the shape.

use crate::cbor::{CborError, Reader, Writer};

/// How much of a text that stands as bytes is shown.
const TEXT_BYTES_SHOWN: usize = 1024;

/// One decoded item: for display, unknown kinds, structured bodies, tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Major type 0.
    Uint(u64),
    /// Major type 1; the value is `-1 - n`.
    Negative(u64),
    /// Major type 2.
    Bytes(Vec<u8>),
    /// Major type 3.
    Text(String),
    /// Major type 4.
    Array(Vec<Item>),
    /// Major type 5, in canonical key order.
    Map(Vec<(Item, Item)>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A 32-bit float's bits.
    F32(u32),
    /// A 64-bit float's bits.
    F64(u64),
}

impl Item {
    /// Decodes exactly one canonical item.
    ///
    /// # Errors
    /// Whatever rule the bytes break.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut reader = Reader::new(bytes);
        let item = reader.item()?;
        reader.end()?;
        Ok(item)
    }

    /// Appends the canonical encoding, sorting maps.
    pub fn encode(&self, w: &mut Writer) {
        match self {
            Self::Uint(n) => w.uint(*n),
            Self::Negative(n) => match i64::try_from(*n) {
                Ok(n) => w.int(!n),
                // Beyond i64: written by hand, as only foreign bytes can hold it.
                Err(_) => w.raw(&[&[0x3b], n.to_be_bytes().as_slice()].concat()),
            },
            Self::Bytes(b) => w.bytes(b),
            Self::Text(t) => w.text(t),
            Self::Array(items) => {
                w.array(items.len());
                items.iter().for_each(|item| item.encode(w));
            }
            Self::Map(pairs) => {
                let mut encoded: Vec<_> = pairs.iter().map(|(k, v)| (k.to_bytes(), v)).collect();
                encoded.sort_by(|a, b| a.0.cmp(&b.0));
                w.map(encoded.len());
                for (key, value) in encoded {
                    w.raw(&key);
                    value.encode(w);
                }
            }
            Self::Bool(b) => w.bool(*b),
            Self::Null => w.null(),
            Self::F32(bits) => w.f32_bits(*bits),
            Self::F64(bits) => w.f64_bits(*bits),
        }
    }

    /// The canonical encoding alone.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.encode(&mut w);
        w.finish()
    }

    /// The value under a text key of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Item> {
        match self {
            Self::Map(pairs) => pairs.iter().find(|(k, _)| matches!(k, Self::Text(t) if t == key)).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The text, if this is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The item of a JSON value: how structured bodies (deployments, ends) are written. Numbers that are not
    /// 64-bit integers become text, since bodies hold no floats.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as J;
        match json {
            J::Null => Self::Null,
            J::Bool(b) => Self::Bool(*b),
            J::Number(n) => match (n.as_u64(), n.as_i64()) {
                (Some(n), _) => Self::Uint(n),
                (None, Some(n)) => Self::Negative(!n.cast_unsigned()),
                (None, None) => Self::Text(n.to_string()),
            },
            J::String(s) => Self::Text(s.clone()),
            J::Array(items) => Self::Array(items.iter().map(Self::from_json).collect()),
            J::Object(map) => Self::Map(map.iter().map(|(k, v)| (Self::Text(k.clone()), Self::from_json(v))).collect()),
        }
    }

    /// As JSON for people: bytes become `{"bytes": n, "text": the first KiB}` where they are plain text, else
    /// `{"bytes": n, "hex": first 64}`; floats become numbers or their bits in hex.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::{Value as J, json};
        match self {
            Self::Uint(n) => json!(n),
            Self::Negative(n) => i64::try_from(*n).map_or_else(|_| json!(format!("-1-{n}")), |n| json!(-1 - n)),
            Self::Bytes(b) => match plain_text(b) {
                Some(text) => json!({ "bytes": b.len(), "text": text }),
                None => json!({ "bytes": b.len(), "hex": crate::ids::hex(b.get(..64).unwrap_or(b)) }),
            },
            Self::Text(t) => json!(t),
            Self::Array(items) => J::Array(items.iter().map(Self::to_json).collect()),
            Self::Map(pairs) => J::Object(
                pairs
                    .iter()
                    .map(|(k, v)| (k.as_text().map_or_else(|| k.to_json().to_string(), str::to_owned), v.to_json()))
                    .collect(),
            ),
            Self::Bool(b) => json!(b),
            Self::Null => J::Null,
            Self::F32(bits) => float_json(f64::from(f32::from_bits(*bits)), format!("f32:0x{bits:08x}")),
            Self::F64(bits) => float_json(f64::from_bits(*bits), format!("f64:0x{bits:016x}")),
        }
    }
}

/// The beginning of a text without control characters but line ends and tabs.
fn plain_text(bytes: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(bytes).ok().filter(|text| !text.is_empty())?;
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return None;
    }
    text.get(..text.floor_char_boundary(TEXT_BYTES_SHOWN))
}

fn float_json(value: f64, bits: String) -> serde_json::Value {
    serde_json::Number::from_f64(value).map_or(serde_json::Value::String(bits), serde_json::Value::Number)
}
