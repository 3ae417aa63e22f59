//! A small ledger that a real host wrote.

use super::tamper::{self, Image};
use crate::cli::cmd::Cmd;
use crate::cli::desk::{Desk, asked, component};

/// The ledger, and the checkpoints that somebody took from it on the way.
pub(crate) struct Sample {
    desk: Desk,
    pub(crate) image: Image,
    /// Number of blocks covered, and the note; ascending, the last one the folder's own.
    pub(crate) checkpoints: Vec<(usize, String)>,
}

impl Sample {
    /// Three starts of a host, one flow each; one event's data is so large that its body lies in a blob.
    pub(crate) fn new() -> Self {
        let agent = |name: &str, topic: &str| {
            format!(
                "[agent.{name}]\ncomponent = \"{}\"\nsubscribe = [\"{topic}\"]\npublish = [\"csv.>\"]\n",
                component(name).display()
            )
        };
        let agents = agent("perceptor", "csv.question") + &agent("decomposer", "csv.parsed");
        let desk = Desk::new(&format!("results = [\"csv.decomposed\", \"csv.rejected\"]\n{agents}"));
        let mut checkpoints = Vec::new();
        for (data, code) in [(asked("mean a by b", "x.csv"), 0), ("x".repeat(70_000), 3), (asked("count", "x.csv"), 0)]
        {
            Cmd::manes(&desk).args(["run", "csv.question", "-"]).stdin(data).exits(code);
            let note = std::fs::read_to_string(desk.ledger().join("checkpoint")).expect("a checkpoint");
            let size = note.lines().nth(1).and_then(|line| line.parse().ok()).expect("a size");
            checkpoints.push((size, note));
        }
        let image = tamper::read(&desk.ledger());
        let count = |folder: &str| image.keys().filter(|name| name.starts_with(folder)).count();
        assert_eq!((count("segments/"), count("blobs/"), count("artifacts/")), (1, 1, 2), "{:?}", image.keys());
        assert_eq!(checkpoints[2].0, tamper::payloads(&image[tamper::SEGMENT]).len(), "all is covered");
        Self { desk, image, checkpoints }
    }

    /// The folder as the host left it.
    pub(crate) fn folder(&self) -> std::path::PathBuf {
        self.desk.ledger()
    }

    /// The note of the newest checkpoint that covers at most `size` blocks.
    pub(crate) fn note_within(&self, size: usize) -> Option<&str> {
        self.checkpoints.iter().rev().find(|(covered, _)| *covered <= size).map(|(_, note)| note.as_str())
    }
}
