//! What takes over a second says so on a terminal, on standard error, and leaves no trace when it is done.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Work that is under way. Until a second has passed nothing is shown.
pub(crate) struct Progress {
    bar: ProgressBar,
    _ended: Option<Sender<()>>,
}

impl Progress {
    /// Work whose end nobody knows.
    pub(crate) fn begin(what: &'static str) -> Self {
        Self::with(what, None)
    }

    /// Work of so many parts.
    pub(crate) fn of(what: &'static str, parts: usize) -> Self {
        Self::with(what, Some(parts as u64))
    }

    fn with(what: &'static str, parts: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(parts, ProgressDrawTarget::hidden());
        let template = match parts {
            Some(_) => "{prefix} {bar:30} {pos} of {len}  {elapsed}{msg}",
            None => "{spinner} {prefix}  {elapsed}{msg}",
        };
        // A template that cannot be read leaves the standard one.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        let ended = std::io::stderr().is_terminal().then(|| {
            let (ended, waits) = channel();
            let bar = bar.clone();
            std::thread::spawn(move || {
                if waits.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(Duration::from_millis(100));
                }
            });
            ended
        });
        Self { bar, _ended: ended }
    }

    /// One part more is done.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// How far it is.
    pub(crate) fn say(&self, text: String) {
        self.bar.set_message(text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
