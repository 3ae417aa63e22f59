//! The audit of a ledger folder, from its first byte to its last.
//!
//! Memory: one segment at a time, 64 bytes for each block, 32 for each event, blob and artifact.

use crate::finding::{Finding, Problem};
use crate::folder::{self, Layout};
use crate::limits::{CHECKPOINT_BYTES_MAX, SEGMENT_BYTES_MAX};
use crate::report::{Report, Tier};
use manes_core::block::{Block, StoredBody};
use manes_core::checkpoint::{self, TreeHead};
use manes_core::ids::{Digest, LedgerId};
use manes_core::item::Item;
use manes_core::record::Kind;
use manes_core::segment::{FrameError, Frames};
use manes_core::verify::{ChainVerifier, Checked, ExtendsError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What to audit, and what the auditor knows already.
#[derive(Debug, Clone, Default)]
pub struct AuditOptions {
    /// The ledger folder. A link to it is followed, links inside it are refused.
    pub folder: PathBuf,
    /// Checkpoints that the auditor holds, as text: the ledger must extend each.
    pub checkpoints: Vec<String>,
    /// The ledger that it must be.
    pub ledger: Option<LedgerId>,
}

/// Audits a ledger folder. Nothing is written.
///
/// # Errors
/// The first thing that cannot be so.
pub fn audit(options: &AuditOptions) -> Result<Report, Finding> {
    audit_watched(options, &mut |_| {})
}

/// As [`audit`], and says after each block how many blocks were checked, and of how many segments how many.
///
/// # Errors
/// The first thing that cannot be so.
pub fn audit_watched(options: &AuditOptions, watch: &mut dyn FnMut(Checking)) -> Result<Report, Finding> {
    let mut audit = Audit {
        root: &options.folder,
        layout: Layout::read(&options.folder)?,
        chain: ChainVerifier::new(),
        named_blobs: BTreeSet::new(),
        named_artifacts: BTreeSet::new(),
    };
    for number in 0..audit.layout.segments {
        audit.segment(number, options.ledger, watch)?;
    }
    let checkpoint = audit.checkpoint()?;
    let held = audit.held(&options.checkpoints)?;
    audit.unnamed()?;
    audit.report(checkpoint, held)
}

/// How far an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checking {
    /// Blocks that were checked.
    pub blocks: u64,
    /// The segment that is being checked, from 1.
    pub segment: u64,
    /// Segments.
    pub segments: u64,
}

struct Audit<'a> {
    root: &'a Path,
    layout: Layout,
    chain: ChainVerifier,
    /// Blobs that a block names; their content was checked.
    named_blobs: BTreeSet<Digest>,
    /// Artifacts that a deployment names.
    named_artifacts: BTreeSet<Digest>,
}

impl Audit<'_> {
    fn segment(
        &mut self,
        number: u64,
        expected: Option<LedgerId>,
        watch: &mut dyn FnMut(Checking),
    ) -> Result<(), Finding> {
        let file = folder::segment(number);
        let bytes = folder::read(self.root, &file, SEGMENT_BYTES_MAX)?;
        let before = self.chain.head().size;
        let damaged = |error: FrameError| {
            let at = match error {
                FrameError::Head => 0,
                FrameError::Damaged { at } => at as u64,
            };
            Finding { offset: Some(at), ..Finding::of(&file, Problem::Frame(error)) }
        };
        for frame in Frames::new(&bytes).map_err(damaged)? {
            let frame = frame.map_err(|error| Finding { block: Some(self.chain.head().size), ..damaged(error) })?;
            self.block(&file, frame.at as u64, frame.payload)?;
            self.expect(&file, expected)?;
            let (blocks, segments) = (self.chain.head().size, self.layout.segments);
            watch(Checking { blocks, segment: number + 1, segments });
        }
        let last = number + 1 == self.layout.segments;
        if self.chain.head().size == before && !last { Err(Finding::of(file, Problem::NoBlocks)) } else { Ok(()) }
    }

    fn expect(&self, file: &str, expected: Option<LedgerId>) -> Result<(), Finding> {
        match (expected, self.chain.ledger()) {
            (Some(expected), Some(found)) if expected != found => {
                Err(Finding::of(file, Problem::OtherLedger { expected, found }))
            }
            _ => Ok(()),
        }
    }

    fn block(&mut self, file: &str, at: u64, payload: &[u8]) -> Result<(), Finding> {
        let place = self.chain.head().size;
        let block = Block::decode(payload).map_err(|error| Finding::of(file, Problem::Block(error)).at(at, place))?;
        // What is wrong with a blob says more than that a body is absent.
        let mut trouble = None;
        let (root, layout, named) = (self.root, &self.layout, &mut self.named_blobs);
        let blob = |digest: &Digest| {
            named.insert(*digest);
            read_blob(root, layout, digest).map_err(|finding| trouble = Some(finding)).ok()
        };
        let pushed = self.chain.push(&block, blob);
        if let Some(finding) = trouble {
            return Err(Finding { block: Some(place), ..finding });
        }
        let checked = pushed.map_err(|violation| Finding::chain(file, at, violation))?;
        self.deployments(&block, &checked)
    }

    /// The artifact of each deployment must be there.
    fn deployments(&mut self, block: &Block, checked: &Checked) -> Result<(), Finding> {
        let records = (checked.header.first..).zip(&checked.envelopes).zip(&block.bodies);
        for ((record, envelope), body) in records.filter(|((_, envelope), _)| envelope.kind() == Kind::Deployment) {
            for component in envelope.component.into_iter().chain(self.component(body)?) {
                if !self.layout.artifacts.contains(&component) {
                    let missing = Finding::of(folder::artifact(&component), Problem::Missing);
                    return Err(Finding {
                        record: Some(record),
                        block: self.chain.head().size.checked_sub(1),
                        ..missing
                    });
                }
                self.named_artifacts.insert(component);
            }
        }
        Ok(())
    }

    /// The component that a deployment's body names, if it is stored and names one.
    fn component(&self, body: &StoredBody) -> Result<Option<Digest>, Finding> {
        let read;
        let bytes = match body {
            StoredBody::Absent => return Ok(None),
            StoredBody::Inline { bytes, .. } => bytes,
            StoredBody::Blob { digest, .. } => {
                read = read_blob(self.root, &self.layout, digest)?;
                &read
            }
        };
        let item = Item::decode(bytes).ok();
        let text = item.as_ref().and_then(|item| item.get("component")).and_then(Item::as_text);
        // Lower-case hex: another spelling is another form of body, which is not judged.
        let named = text.and_then(|hex| hex.parse::<Digest>().ok().filter(|digest| digest.to_string() == hex));
        Ok(named)
    }

    /// The folder's own checkpoint.
    fn checkpoint(&self) -> Result<TreeHead, Finding> {
        let file = "checkpoint";
        if self.chain.ledger().is_none() {
            return Err(Finding::of(folder::segment(0), Problem::Empty));
        }
        let wrong = |why| Finding::of(file, Problem::Checkpoint(why));
        let bytes = folder::read(self.root, file, CHECKPOINT_BYTES_MAX)?;
        let note = checkpoint::text(bytes).map_err(|error| wrong(ExtendsError::Note(error)))?;
        let head = self.chain.extends(&note).map_err(wrong)?;
        checkpoint::sole(&note).map_err(|error| wrong(ExtendsError::Note(error)))?;
        Ok(head)
    }

    /// The checkpoints that the auditor holds.
    fn held(&self, notes: &[String]) -> Result<Vec<TreeHead>, Finding> {
        let extends =
            |(place, note): (usize, &String)| self.chain.extends(note).map_err(|why| Finding::held(place + 1, why));
        notes.iter().enumerate().map(extends).collect()
    }

    /// Files that no block names must still be what their names say; artifacts are checked here altogether.
    fn unnamed(&self) -> Result<(), Finding> {
        for digest in self.layout.blobs.difference(&self.named_blobs) {
            folder::read_named(self.root, &folder::blob(digest), digest)?;
        }
        for digest in &self.layout.artifacts {
            folder::read_named(self.root, &folder::artifact(digest), digest)?;
        }
        Ok(())
    }

    fn report(&self, checkpoint: TreeHead, held: Vec<TreeHead>) -> Result<Report, Finding> {
        let head = self.chain.head();
        let ledger = self.chain.ledger().ok_or_else(|| Finding::of(folder::segment(0), Problem::Empty))?;
        let covered = held.iter().map(|head| head.size).max().unwrap_or_default().max(checkpoint.size);
        Ok(Report {
            ledger,
            tier: if held.is_empty() { Tier::Consistent } else { Tier::Extends },
            blocks: head.size,
            records: self.chain.records(),
            head,
            checkpoint,
            held,
            tail: head.size.saturating_sub(covered),
            bodies_absent: self.chain.bodies_absent(),
            open_attempts: self.chain.open_attempts() as u64,
            hosts: self.chain.hosts().copied().collect(),
            segments: self.layout.segments,
            blobs: self.layout.blobs.len() as u64,
            blobs_unnamed: self.layout.blobs.difference(&self.named_blobs).count() as u64,
            artifacts: self.layout.artifacts.len() as u64,
            artifacts_unnamed: self.layout.artifacts.difference(&self.named_artifacts).count() as u64,
            leftovers: self.layout.leftovers,
        })
    }
}

fn read_blob(root: &Path, layout: &Layout, digest: &Digest) -> Result<Vec<u8>, Finding> {
    let path = folder::blob(digest);
    if !layout.blobs.contains(digest) {
        return Err(Finding::of(path, Problem::Missing));
    }
    folder::read_named(root, &path, digest)
}
