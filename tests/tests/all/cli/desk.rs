//! A user's desk: a temporary folder with a manifest, a ledger, data and a home for keys.

use super::cmd::{Cmd, Ran, Running, until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

/// A component that `just guests` builds.
pub(crate) fn component(name: &str) -> PathBuf {
    let path = repository().join("guests/target/wasm32-wasip2/release").join(format!("{name}.wasm"));
    assert!(path.is_file(), "{} is missing: run `just guests`", path.display());
    path
}

/// The example's manifest, with its components where they are from anywhere; its data folder is the desk's.
pub(crate) fn csv_manifest() -> String {
    let text = std::fs::read_to_string(repository().join("examples/csv-analysis/manes.toml")).expect("the example");
    assert!(component("table").is_file());
    text.replace("../../guests", &repository().join("guests").to_string_lossy())
}

/// Deletes itself with all that it holds.
pub(crate) struct Desk {
    folder: TempDir,
}

impl Desk {
    /// A desk with this manifest and an empty data folder.
    pub(crate) fn new(manifest: &str) -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        std::fs::create_dir_all(desk.data("")).expect("a data folder");
        std::fs::create_dir_all(desk.home()).expect("a home");
        // Compiled code is named by its content: sharing it saves minutes and changes nothing.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
        std::fs::create_dir_all(&cache).expect("a folder for compiled code");
        std::os::unix::fs::symlink(cache, desk.home().join("cache")).expect("a link");
        desk.write_manifest(manifest);
        desk
    }

    /// The CSV example with its penguins.
    pub(crate) fn csv() -> Self {
        let desk = Self::new(&csv_manifest());
        let penguins = repository().join("examples/csv-analysis/data/penguins.csv");
        std::fs::copy(penguins, desk.data("penguins.csv")).expect("the example's data");
        desk
    }

    /// The CSV example whose table is loaded later, by command.
    pub(crate) fn csv_without_table() -> Self {
        let desk = Self::csv();
        desk.write_manifest(&csv_manifest().replace("[capability.table]", "[capability.table]\nload = false"));
        desk
    }

    pub(crate) fn write_manifest(&self, text: &str) {
        std::fs::write(self.manifest(), text).expect("the manifest is written");
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.folder().join("manes.toml")
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder().join("ledger")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder().join("home")
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.folder().join("data").join(name)
    }

    /// Asks a question of the CSV example and returns what `run --json` prints.
    #[track_caller]
    pub(crate) fn ask(&self, question: &str, file: &str) -> Value {
        Cmd::manes(self).args(["run", "csv.question"]).arg(asked(question, file)).json()
    }

    /// As [`Desk::ask`], and only the flow's id.
    #[track_caller]
    pub(crate) fn flow(&self, question: &str) -> String {
        let ran = self.ask(question, "penguins.csv");
        ran["flow"].as_str().expect("a flow").to_owned()
    }

    /// `manes up`, ready.
    #[track_caller]
    pub(crate) fn up(&self) -> Up {
        self.up_with(&[])
    }

    /// `manes up` with more arguments, ready.
    #[track_caller]
    pub(crate) fn up_with(&self, args: &[&str]) -> Up {
        let mut running = Cmd::manes(self).args(["up", "--json"]).args(args).start();
        let line = running.line();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let control = until("a control file", || {
            let folder = std::fs::read_dir(self.home().join("control")).ok()?;
            folder
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .find(|path| path.extension().is_some_and(|e| e == "json"))
        });
        Up { running, ready, control }
    }

    /// A copy of the ledger in another folder of the desk.
    pub(crate) fn copy_of_ledger(&self, name: &str) -> PathBuf {
        let to = self.folder().join(name);
        copy(&self.ledger(), &to);
        to
    }
}

/// A question as the event's data.
pub(crate) fn asked(question: &str, file: &str) -> String {
    json!({ "question": question, "file": file }).to_string()
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// A running host of a desk's ledger. Ended when dropped.
pub(crate) struct Up {
    running: Running,
    /// What it printed when it was ready.
    pub(crate) ready: Value,
    /// The file that says how to reach it.
    pub(crate) control: PathBuf,
}

impl Up {
    /// Stops it as an operator does, and waits for its end.
    #[track_caller]
    pub(crate) fn terminate(self) -> Ran {
        self.running.signal("TERM");
        self.running.end("up, after SIGTERM")
    }

    /// Stops it as Ctrl-C does, and waits for its end.
    #[track_caller]
    pub(crate) fn interrupt(self) -> Ran {
        self.running.signal("INT");
        self.running.end("up, after SIGINT")
    }

    /// Stops it as a power failure does.
    pub(crate) fn kill(self) {
        self.running.signal("KILL");
        let ran = self.running.end("up, after SIGKILL");
        assert_eq!(ran.code, None, "a killed process has no exit code");
    }

    /// Where it listens, and its token.
    pub(crate) fn address(&self) -> (String, String) {
        let text = std::fs::read_to_string(&self.control).expect("the control file");
        let json: Value = serde_json::from_str(&text).expect("the control file is JSON");
        let word = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}")).to_owned();
        (word("address"), word("token"))
    }
}
