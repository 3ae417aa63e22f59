//! Checking one receipt and showing what it proves.

use crate::limits::RECEIPT_BYTES_MAX;
use crate::report::shown;
use manes_core::ids::LedgerId;
use manes_core::item::Item;
use manes_core::receipt::{Proven, ProvenBody, Receipt, ReceiptError};
use serde_json::{Value, json};

/// The text of a receipt's file.
///
/// # Errors
/// Bytes that are not UTF-8, or more than the format allows.
pub fn text(bytes: Vec<u8>) -> Result<String, ReceiptError> {
    let refused = |why: &str| ReceiptError::Json { why: why.to_owned() };
    if bytes.len() as u64 > RECEIPT_BYTES_MAX {
        return Err(refused("it is over 2 GiB"));
    }
    String::from_utf8(bytes).map_err(|_| refused("not UTF-8"))
}

/// Checks a receipt's text: the whole proof, then the ledger expected, then each checkpoint held.
///
/// # Errors
/// The first link that does not hold.
pub fn check(text: &str, ledger: Option<&LedgerId>, checkpoints: &[String]) -> Result<Proven, ReceiptError> {
    let proven = Receipt::from_json(text)?.verify()?;
    let proven = match ledger {
        Some(expected) => proven.expect_ledger(expected)?,
        None => proven,
    };
    checkpoints.iter().try_fold(proven, |proven, note| proven.under(note))
}

/// The body for people: as structure where it is CBOR, else its bytes.
fn body_json(body: &ProvenBody) -> Value {
    match body {
        ProvenBody::None | ProvenBody::Withheld => Value::Null,
        ProvenBody::Verified(bytes) => Item::decode(bytes).unwrap_or_else(|_| Item::Bytes(bytes.clone())).to_json(),
    }
}

const fn body_word(body: &ProvenBody) -> &'static str {
    match body {
        ProvenBody::None => "none",
        ProvenBody::Withheld => "withheld",
        ProvenBody::Verified(_) => "verified",
    }
}

/// The stable JSON form.
#[must_use]
pub fn to_json(proven: &Proven, tier: &str) -> Value {
    json!({
        "verified": true,
        "tier": tier,
        "ledger": proven.ledger.to_string(),
        "index": proven.index,
        "leaf": proven.leaf.to_string(),
        "kind": proven.envelope.kind().name(),
        "time_ns": proven.envelope.time_ns,
        "block": proven.place,
        "host": proven.header.host.to_string(),
        "checkpoint": { "size": proven.checkpoint.size, "root": proven.checkpoint.root.to_string() },
        "body": body_word(&proven.body),
        "content": body_json(&proven.body),
    })
}

/// Aligned text.
#[must_use]
pub fn to_text(proven: &Proven, tier: &str) -> String {
    let envelope = &proven.envelope;
    let mut lines = vec![
        ("ledger", proven.ledger.to_string()),
        ("verified", tier.to_owned()),
        (
            "record",
            format!(
                "{}, {}, in block {} of {}",
                proven.index,
                envelope.kind().name(),
                proven.place,
                proven.checkpoint.size
            ),
        ),
        ("leaf", proven.leaf.to_string()),
        ("host", format!("{} (not revoked, as far as a receipt can say)", proven.header.host)),
        ("time", format!("{} ns since 1970, by that host's clock", envelope.time_ns)),
    ];
    let named = [
        ("topic", &envelope.topic),
        ("principal", &envelope.principal),
        ("agent", &envelope.agent),
        ("function", &envelope.function),
    ];
    lines.extend(named.into_iter().filter_map(|(name, text)| text.clone().map(|text| (name, text))));
    lines.push(("body", body_word(&proven.body).to_owned()));
    if let ProvenBody::Verified(_) = proven.body {
        lines.push(("content", body_json(&proven.body).to_string()));
    }
    lines.iter().map(|(name, value)| format!("{name:<10}{}\n", shown(value))).collect()
}
