//! A shell in which a page's commands are run one after the other, as a person would.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longest time that one command may take: a first build on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(900);
/// What the shell prints after a command, before its exit code and folder.
const MARK: char = '\u{1e}';

/// A shell, or a program that stands in its place.
pub(super) struct Terminal {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

/// What a command left.
pub(super) struct Left {
    pub(super) lines: Vec<String>,
    pub(super) code: i32,
    pub(super) folder: PathBuf,
}

impl Terminal {
    /// A shell in a folder.
    pub(super) fn open(folder: &Path, env: &[(&str, String)]) -> Self {
        Self::start(Command::new("bash").args(["--norc", "--noprofile"]), folder, env)
    }

    /// A program that goes on.
    pub(super) fn program(line: &str, folder: &Path, env: &[(&str, String)]) -> Self {
        Self::start(Command::new("bash").arg("-c").arg(format!("exec {line} 2>&1")), folder, env)
    }

    fn start(command: &mut Command, folder: &Path, env: &[(&str, String)]) -> Self {
        for name in ["MANES_LEDGER", "MANES_LOG", "NO_COLOR", "XDG_DATA_HOME", "CARGO_TARGET_DIR"] {
            command.env_remove(name);
        }
        command.envs(env.iter().map(|(name, value)| (*name, value.as_str()))).current_dir(folder);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("bash");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        Self { child, input, lines }
    }

    /// Runs a line of a shell to its end.
    pub(super) fn run(&mut self, line: &str) -> Left {
        let text = format!("{{ {line}\n}} 2>&1 </dev/null; printf '\\036%s %s\\n' \"$?\" \"$PWD\"\n");
        self.input.write_all(text.as_bytes()).expect("the shell is there");
        let mut lines = Vec::new();
        loop {
            let text = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{line}: no end after {lines:?}"));
            // What does not end in a line is ended by the mark.
            let Some((before, after)) = text.split_once(MARK) else {
                lines.push(text);
                continue;
            };
            if !before.is_empty() {
                lines.push(before.to_owned());
            }
            let (code, folder) = after.split_once(' ').expect("a code and a folder");
            return Left { lines, code: code.parse().expect("a code"), folder: PathBuf::from(folder) };
        }
    }

    /// The next line of a program.
    pub(super) fn line(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    /// Ctrl-C; the rest of what it prints.
    pub(super) fn interrupt(mut self) -> Vec<String> {
        let kill = format!("kill -INT {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh runs").success());
        let status = self.child.wait().expect("a child");
        assert!(status.success(), "{status}");
        self.lines.iter().collect()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
