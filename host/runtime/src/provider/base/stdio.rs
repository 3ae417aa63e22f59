//! Standard streams: input is closed, output goes into the log line by line, its end is kept.

use super::{Answer, Base, Kind, Surroundings, unknown};
use crate::waist::Ended;
use manes_core::function::FunctionId;
use manes_core::limits::{Limit, STDERR_TAIL_BYTES};
use manes_core::value::Value;
use std::collections::VecDeque;

/// What `check-write` promises: the page size that WASI's own streams use.
const WRITE_BYTES_MAX: u64 = 64 * 1024;

/// What a line costs of the log's budget beside its text.
const LINE_OVERHEAD_BYTES: usize = 32;

/// The output of one guest.
#[derive(Debug)]
pub(super) struct Streams {
    name: String,
    stderr: VecDeque<u8>,
    /// Log text that may still be passed on.
    budget: usize,
    kib: u64,
    section: String,
    partial: Vec<u8>,
    /// Bytes of text that were not passed on, since somebody last asked.
    cut: u64,
}

impl Streams {
    pub(super) fn new(surroundings: &Surroundings) -> Self {
        let (name, budget) = (surroundings.name.clone(), surroundings.log_bytes_max);
        Self {
            name,
            stderr: VecDeque::new(),
            budget,
            kib: (budget as u64) >> 10,
            section: surroundings.section.clone(),
            partial: Vec::new(),
            cut: 0,
        }
    }

    pub(super) fn stderr_tail(&self) -> String {
        let bytes: Vec<u8> = self.stderr.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) fn take_cut(&mut self) -> u64 {
        std::mem::take(&mut self.cut)
    }

    /// As much of `text` as the budget allows; `None` once it is used up, which is said once.
    pub(super) fn budget<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if self.budget == 0 {
            self.cut += text.len() as u64;
            return None;
        }
        // A line costs something even when it is empty.
        self.budget = self.budget.saturating_sub(LINE_OVERHEAD_BYTES);
        if let Some(left) = self.budget.checked_sub(text.len()) {
            self.budget = left;
            return Some(text);
        }
        let cut = (0..=self.budget).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        self.budget = 0;
        self.cut += (text.len() - cut) as u64;
        let advice = Limit::LogKib.advice(&self.section, self.kib, self.kib + 1);
        tracing::warn!(target: "guest", agent = %self.name, "log text over its limit is cut; {advice}");
        text.get(..cut)
    }

    fn write(&mut self, kind: Kind, bytes: &[u8]) {
        if kind == Kind::Stderr {
            self.stderr.extend(bytes);
            let over = self.stderr.len().saturating_sub(STDERR_TAIL_BYTES);
            self.stderr.drain(..over);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.partial.len() > STDERR_TAIL_BYTES {
                let line = std::mem::take(&mut self.partial);
                self.line(&line);
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        if let Some(text) = self.budget(&text) {
            // Guest text is shown escaped: a log line must not steer a terminal.
            tracing::info!(target: "guest", agent = %self.name, "{}", text.escape_debug());
        }
    }
}

impl Base {
    pub(super) fn stream(&mut self, function: &FunctionId, call: u64, args: &[Value]) -> Answer {
        let kind = self.kind(args.first());
        let name = function.name.rsplit_once('.').map_or("", |(_, name)| name);
        let closed = || Value::err(Some(Value::Variant("closed".into(), None)));
        Ok(Some(match (kind, name, args) {
            (Some(_), "subscribe", _) => self.open(call, "wasi:io/poll@0.2/pollable", Kind::Pollable),
            (Some(Kind::Stdin), "read" | "blocking-read" | "skip" | "blocking-skip", _) => closed(),
            (Some(Kind::Stdout | Kind::Stderr), "check-write", _) => Value::ok(Some(Value::U64(WRITE_BYTES_MAX))),
            (
                Some(kind @ (Kind::Stdout | Kind::Stderr)),
                "write" | "blocking-write-and-flush",
                [_, Value::Bytes(bytes)],
            ) => {
                // As WASI does: who writes more than `check-write` allowed breaks the contract.
                if bytes.len() as u64 > WRITE_BYTES_MAX {
                    return Err(Ended::Guest(format!("a write of more than the {WRITE_BYTES_MAX} bytes allowed")));
                }
                self.streams.write(kind, bytes);
                Value::ok(None)
            }
            (Some(Kind::Stdout | Kind::Stderr), "flush" | "blocking-flush", _) => Value::ok(None),
            (Some(Kind::Stdout | Kind::Stderr), "write-zeroes" | "blocking-write-zeroes-and-flush", _) => {
                Value::ok(None)
            }
            // The only input stream of the base world is stdin, and it is closed.
            (Some(Kind::Stdout | Kind::Stderr), "splice" | "blocking-splice", _) => closed(),
            _ => return Err(unknown(function)),
        }))
    }
}
