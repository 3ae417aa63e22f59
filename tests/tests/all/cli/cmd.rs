//! One process: started, fed, watched, ended.

use super::desk::Desk;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longest time that any one command may take: room for a loaded machine, not a promise of speed.
const DEADLINE: Duration = Duration::from_secs(300);
/// Between two looks at a fact that is waited for.
const LOOK: Duration = Duration::from_millis(5);

/// A binary beside the running test: `target/release/NAME` for `target/release/deps/all-…`.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own file");
    let path = test.parent().and_then(Path::parent).expect("a test lies in target/*/deps").join(name);
    assert!(path.is_file(), "{} is missing: run `just build`", path.display());
    path
}

/// Polls `fact` until it is there.
#[expect(clippy::disallowed_methods, reason = "the deadline of a wait for another process")]
pub(crate) fn until<T>(what: &str, mut fact: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = fact() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(LOOK);
    }
}

/// A command that is about to run.
pub(crate) struct Cmd {
    command: Command,
    stdin: Vec<u8>,
}

/// What a command left.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Cmd {
    /// Any program, with no environment that could leak in from the user.
    pub(crate) fn program(path: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(path);
        for name in ["MANES_HOME", "MANES_LEDGER", "MANES_LOG", "NO_COLOR", "XDG_DATA_HOME"] {
            command.env_remove(name);
        }
        Self { command, stdin: Vec::new() }
    }

    /// `manes` with the home of `desk` and nothing else.
    pub(crate) fn bare(desk: &Desk) -> Self {
        Self::program(binary("manes")).env("MANES_HOME", desk.home()).inside(desk.folder())
    }

    /// `manes` on the desk's ledger, without a manifest: for what only reads.
    pub(crate) fn reading(desk: &Desk) -> Self {
        Self::bare(desk).args(["--ledger".as_ref(), desk.ledger().as_os_str()])
    }

    /// `manes` with the desk's manifest and ledger.
    pub(crate) fn manes(desk: &Desk) -> Self {
        Self::reading(desk).args(["--manifest".as_ref(), desk.manifest().as_os_str()])
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn inside(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Bytes for standard input; none unless said.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Starts it and leaves it running.
    pub(crate) fn start(self) -> Running {
        Running::start(self)
    }

    /// Runs it to its end and checks what holds for every run.
    #[track_caller]
    pub(crate) fn run(self) -> Ran {
        let shown = format!("{:?}", self.command);
        let ran = self.start().end(&shown);
        for (name, text) in [("standard output", &ran.stdout), ("standard error", &ran.stderr)] {
            assert!(!text.contains('\u{1b}'), "{shown}: a colour or control sequence on {name}: {text:?}");
        }
        // Threads of a guest have no name; its panics are shown as what they are.
        let panicked = ["thread 'main'", "thread 'tokio-"].iter().any(|thread| ran.stderr.contains(thread));
        assert!(!panicked, "{shown}: {}", ran.stderr);
        assert!(matches!(ran.code, Some(0..=6)), "{shown}: exit {:?} is not documented\n{}", ran.code, ran.stderr);
        ran
    }

    /// Runs it; it must end with `code`.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        let shown = format!("{:?}", self.command);
        let ran = self.run();
        assert_eq!(ran.code, Some(code), "{shown}\nout: {}\nerr: {}", ran.stdout, ran.stderr);
        ran
    }

    /// Runs it; it must succeed.
    #[track_caller]
    pub(crate) fn ok(self) -> Ran {
        self.exits(0)
    }

    /// Runs it with `--json`; it must succeed with one JSON value.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        self.arg("--json").ok().json()
    }

    /// Runs it; it must end with `code`, print no result, and say each of `words` on standard error.
    #[track_caller]
    pub(crate) fn refuses(self, code: i32, words: &[&str]) -> Ran {
        let ran = self.exits(code);
        assert_eq!(ran.stdout, "", "only results belong on standard output");
        for word in words {
            assert!(ran.stderr.contains(word), "{word:?} is not in: {}", ran.stderr);
        }
        ran
    }
}

impl Ran {
    /// Standard output as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.stdout))
    }

    /// Standard output as one JSON value per line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let line = |text| serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"));
        self.stdout.lines().map(line).collect()
    }
}

/// A process that is ended when this is dropped.
pub(crate) struct Running {
    child: Child,
    out: mpsc::Receiver<String>,
    err: Option<std::thread::JoinHandle<String>>,
}

impl Running {
    fn start(cmd: Cmd) -> Self {
        let Cmd { mut command, stdin } = cmd;
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut input = child.stdin.take().expect("piped");
        // Feeding from a thread: a program that reads nothing must not stop the test.
        std::thread::spawn(move || input.write_all(&stdin));
        let (send, out) = mpsc::channel();
        let stdout = child.stdout.take().expect("piped");
        std::thread::spawn(move || lines(stdout, |line| send.send(line).is_ok()));
        let mut stderr = child.stderr.take().expect("piped");
        let err = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _read = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self { child, out, err: Some(err) }
    }

    /// The next line of standard output.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        match self.out.recv_timeout(DEADLINE) {
            Ok(line) => line,
            Err(_) => {
                let _gone = self.child.kill();
                let err = self.err.take().map(|thread| thread.join().unwrap_or_default()).unwrap_or_default();
                panic!("no line on standard output; on standard error: {err}")
            }
        }
    }

    /// Sends a signal by its name, to this process alone.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("sh runs");
        assert!(status.success(), "{kill}");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self, shown: &str) -> Ran {
        let status: ExitStatus = until(shown, || self.child.try_wait().expect("a child can be waited for"));
        let stdout = self.out.iter().collect();
        let stderr = self.err.take().map(|thread| thread.join().unwrap_or_default()).unwrap_or_default();
        Ran { code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Hands on each line with its end, until nobody wants more.
fn lines(reader: impl Read, mut keep: impl FnMut(String) -> bool) {
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
        if !keep(String::from_utf8_lossy(&bytes).into_owned()) {
            return;
        }
        bytes.clear();
    }
}
