//! Somebody who asks: a desk with a running host.

use crate::cli::cmd::Cmd;
use crate::cli::desk::{Desk, Up, asked, csv_manifest};
use manes_runtime::engine::Wasm;
use manes_runtime::ledger::Reader;
use manes_runtime::query;
use manes_runtime::replay::{Fuel, Replayer};
use manes_runtime::seams::Seams;
use serde_json::Value;

/// A host with the example's agents, and what they said.
pub(crate) struct Analyst {
    pub(crate) desk: Desk,
    up: Option<Up>,
}

/// What came back for a question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    /// `csv.answered` or `csv.rejected`.
    pub(crate) topic: String,
    /// Its data.
    pub(crate) data: Value,
}

impl Analyst {
    /// With the example's manifest as it is.
    pub(crate) fn new() -> Self {
        Self::with(Desk::csv())
    }

    /// With the example's manifest, each `(from, to)` replaced: `from` must be there.
    pub(crate) fn changed(changes: &[(&str, &str)]) -> Self {
        let desk = Desk::csv();
        let manifest = changes.iter().fold(csv_manifest(), |text, (from, to)| {
            assert!(text.contains(from), "the example's manifest has no {from:?} any more");
            text.replacen(from, to, 1)
        });
        desk.write_manifest(&manifest);
        Self::with(desk)
    }

    fn with(desk: Desk) -> Self {
        let up = Some(desk.up());
        Self { desk, up }
    }

    /// Puts a file into the granted folder.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.desk.data(name), bytes).expect("a file is written");
    }

    /// Asks, and takes what comes.
    #[track_caller]
    pub(crate) fn ask(&self, question: &str, file: &str) -> Reply {
        let ran = Cmd::manes(&self.desk).args(["run", "csv.question", "--json"]).arg(asked(question, file)).run();
        assert_eq!(ran.code, Some(0), "“{question}” of {file}: {}", ran.stderr);
        let json = ran.json();
        let results = json["results"].as_array().expect("results");
        assert_eq!(results.len(), 1, "one question, one result: {json}");
        let data = results[0]["data"].as_str().and_then(|text| serde_json::from_str(text).ok());
        Reply { topic: results[0]["topic"].as_str().expect("a topic").to_owned(), data: data.expect("JSON") }
    }

    /// Asks for the data of an answer.
    #[track_caller]
    pub(crate) fn answered(&self, question: &str, file: &str) -> Value {
        let reply = self.ask(question, file);
        assert_eq!(reply.topic, "csv.answered", "“{question}” of {file}: {}", reply.data);
        reply.data
    }

    /// Asks for the answer alone.
    #[track_caller]
    pub(crate) fn answer(&self, question: &str, file: &str) -> Value {
        self.answered(question, file)["answer"].clone()
    }

    /// Asks for a refusal: by this stage, with these words as its reason.
    #[track_caller]
    pub(crate) fn refused(&self, question: &str, file: &str, stage: &str, words: &[&str]) {
        let Reply { topic, data } = self.ask(question, file);
        assert_eq!((topic.as_str(), &data["stage"]), ("csv.rejected", &Value::from(stage)), "“{question}”: {data}");
        let reason = data["reason"].as_str().expect("a reason");
        for word in words {
            assert!(reason.contains(word), "“{question}” of {file}: {word:?} is not in: {reason}");
        }
    }

    /// Stops the host, verifies the ledger and replays every flow in it: all identical, with equal fuel. Returns how
    /// many activations that were.
    #[track_caller]
    pub(crate) fn replayed(mut self) -> usize {
        let stopped = self.up.take().expect("running").terminate();
        assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
        Cmd::reading(&self.desk).arg("verify").ok();
        // Nothing that the flows read may be needed.
        std::fs::remove_dir_all(self.desk.data("")).expect("the data is removed");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(replay_all(&self.desk))
    }
}

async fn replay_all(desk: &Desk) -> usize {
    let reader = Reader::open(&desk.ledger()).expect("the ledger");
    let wasm = Wasm::new(Some(&desk.home().join("cache"))).expect("an engine");
    let mut replayer = Replayer::new(wasm, Seams::system(), None).expect("a replayer");
    let mut count = 0;
    for flow in query::flows(&reader).expect("flows") {
        for attempt in &query::gather(&reader, flow.flow).expect("the flow's records").attempts {
            let verdict = replayer.replay(&reader, attempt).await;
            let verdict = verdict.unwrap_or_else(|error| panic!("{} of {}: {error}", attempt.agent(), flow.flow));
            assert!(verdict.identical, "{} of {}: {:?}", verdict.agent, flow.flow, verdict.divergence);
            assert_eq!(verdict.fuel, Fuel::Equal, "{} of {}", verdict.agent, flow.flow);
            count += 1;
        }
    }
    count
}
