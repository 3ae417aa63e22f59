//! What an audit proved.

use manes_core::checkpoint::TreeHead;
use manes_core::ids::{LedgerId, PublicKey};
use serde_json::{Value, json};
use std::fmt;

/// How much is proved. A third tier, cosigned by witnesses, is not given by this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// In itself: nobody without the keys altered, removed, inserted or reordered anything.
    Consistent,
    /// Also, it continues every checkpoint that the auditor brought.
    Extends,
}

impl Tier {
    /// The word in reports; it never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consistent => "consistent",
            Self::Extends => "extends",
        }
    }
}

/// A ledger folder that holds nothing wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The ledger.
    pub ledger: LedgerId,
    /// How much is proved.
    pub tier: Tier,
    /// Number of blocks.
    pub blocks: u64,
    /// Number of records.
    pub records: u64,
    /// Head of the tree over all blocks.
    pub head: TreeHead,
    /// What the folder's own checkpoint covers.
    pub checkpoint: TreeHead,
    /// What the auditor's checkpoints cover.
    pub held: Vec<TreeHead>,
    /// Blocks after the last of all these checkpoints: signed, but their loss would not show.
    pub tail: u64,
    /// Bodies that are committed to and not kept.
    pub bodies_absent: u64,
    /// Attempts that began and have not ended.
    pub open_attempts: u64,
    /// Host keys that are enrolled and not revoked.
    pub hosts: Vec<PublicKey>,
    /// Number of segments.
    pub segments: u64,
    /// Number of blobs.
    pub blobs: u64,
    /// Blobs that no block names: left by a crash, or put there.
    pub blobs_unnamed: u64,
    /// Number of artifacts.
    pub artifacts: u64,
    /// Artifacts that no stored deployment names.
    pub artifacts_unnamed: u64,
    /// Files `….new` of writes that did not finish. They are not read.
    pub leftovers: u64,
}

fn head_json(head: &TreeHead) -> Value {
    json!({ "size": head.size, "root": head.root.to_string() })
}

impl Report {
    /// The stable JSON form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "verified": true,
            "ledger": self.ledger.to_string(),
            "tier": self.tier.name(),
            "blocks": self.blocks,
            "records": self.records,
            "head": head_json(&self.head),
            "checkpoint": head_json(&self.checkpoint),
            "held": self.held.iter().map(head_json).collect::<Vec<_>>(),
            "tail": self.tail,
            "bodies_absent": self.bodies_absent,
            "open_attempts": self.open_attempts,
            "hosts": self.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "segments": self.segments,
            "blobs": self.blobs,
            "blobs_unnamed": self.blobs_unnamed,
            "artifacts": self.artifacts,
            "artifacts_unnamed": self.artifacts_unnamed,
            "leftovers": self.leftovers,
        })
    }

    fn tier_text(&self) -> String {
        match (self.tier, self.held.iter().map(|head| head.size).max()) {
            (Tier::Extends, Some(size)) => format!("consistent; extends the checkpoint of {size} blocks that you hold"),
            (Tier::Extends | Tier::Consistent, _) => "consistent in itself".to_owned(),
        }
    }
}

/// Text of a stranger, with control characters written out so that a terminal does not obey them.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// `1 block`, `2 blocks`.
fn counted(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [
            ("ledger", self.ledger.to_string()),
            ("verified", self.tier_text()),
            ("holds", format!("{}, {}", counted(self.blocks, "block"), counted(self.records, "record"))),
            ("tail", format!("{} after the last checkpoint", counted(self.tail, "block"))),
            ("bodies", format!("{} absent: not kept, or erased", self.bodies_absent)),
            ("attempts", format!("{} not ended", self.open_attempts)),
            ("keys", format!("{} in force", counted(self.hosts.len() as u64, "host key"))),
            ("blobs", format!("{}, {} that no block names", self.blobs, self.blobs_unnamed)),
            ("artifacts", format!("{}, {} that no deployment names", self.artifacts, self.artifacts_unnamed)),
            ("leftovers", format!("{} of writes that did not finish", counted(self.leftovers, "file"))),
            ("head", format!("{} {}", self.head.size, self.head.root)),
        ];
        lines.iter().try_for_each(|(name, value)| writeln!(f, "{name:<10}{value}"))
    }
}
