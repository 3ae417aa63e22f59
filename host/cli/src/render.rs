//! Text for people: colours on a terminal only, guest text escaped, ids shortened.

use manes_runtime::query::{ActivationView, CallView, FlowView};
use std::io::IsTerminal as _;

/// Lines of a failed activation's standard error that are shown: `--json` has the rest.
const STDERR_LINES: usize = 6;
/// Longest excerpt of data in a line, in characters.
const EXCERPT_CHARS: usize = 100;

/// Styles, empty where output is no terminal or `NO_COLOR` is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    on: bool,
}

impl Style {
    /// For standard output.
    pub(crate) fn stdout() -> Self {
        Self { on: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    /// None, wherever it goes.
    pub(crate) const fn plain() -> Self {
        Self { on: false }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Less important.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Good.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Bad.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// A name.
    pub(crate) fn name(self, text: &str) -> String {
        self.paint("1", text)
    }
}

/// An error with its causes, each said once.
pub(crate) fn error(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    text
}

/// The beginning of guest text, escaped so that it cannot steer a terminal.
pub(crate) fn excerpt(text: &str) -> String {
    let cut: String = text.chars().take(EXCERPT_CHARS).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{more}", plain(&cut))
}

/// Guest text in a line, with everything escaped that would not show as what it is.
pub(crate) fn plain(text: &str) -> String {
    escaped(text, misleads)
}

/// As [`plain`], for text that may have lines and columns.
pub(crate) fn lines(text: &str) -> String {
    escaped(text, |c| misleads(c) && !matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, wanted: impl Fn(char) -> bool) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if wanted(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        out
    })
}

/// True for what steers a terminal, turns the direction of text, or takes no room.
fn misleads(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hides = matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}');
    c.is_control() || turns || hides
}

/// A duration in the unit that fits.
pub(crate) fn duration(ns: u64) -> String {
    match ns {
        0..1_000_000_000 => format!("{}.{} ms", ns / 1_000_000, ns / 100_000 % 10),
        _ => format!("{}.{} s", ns / 1_000_000_000, ns / 100_000_000 % 10),
    }
}

/// A size in the unit that fits.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{}.{} KiB", count / 1024, count % 1024 * 10 / 1024),
        _ => format!("{}.{} MiB", count >> 20, ((count % (1 << 20)) * 10) >> 20),
    }
}

/// `1 call`, `2 calls`.
pub(crate) fn count(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// A flow as a tree of events and the activations that handled them.
pub(crate) fn flow(view: &FlowView, calls: bool, style: Style) -> String {
    let mut out = Vec::new();
    let status = match view.status.as_str() {
        "done" => style.good("done"),
        other => style.bad(other),
    };
    let elapsed: u64 = view.activations.iter().map(|a| a.elapsed_ns).sum();
    out.push(format!(
        "flow {}  {status}  {}  {}",
        style.name(&view.flow.to_string()),
        count(view.activations.len() as u64, "activation"),
        duration(elapsed)
    ));
    for root in view.events.iter().filter(|event| event.emitted_by.is_none()) {
        let data = root.data.as_deref().map(excerpt).unwrap_or_default();
        let from = style.dim(&format!("from {}  {}", root.source, bytes(root.bytes)));
        out.push(format!("{}  {from}  {data}", style.name(&root.topic)));
        if let Some(why) = &root.unrouted {
            out.push(format!(" └ {}", style.bad(&format!("unrouted: {why}"))));
        }
        branch(view, &root.id, " ", calls, style, &mut out);
    }
    out.join("\n")
}

/// The activations that handled one event, and below each what it emitted.
fn branch(view: &FlowView, event: &str, indent: &str, calls: bool, style: Style, out: &mut Vec<String>) {
    let handlers: Vec<_> = view.activations.iter().filter(|a| a.event.as_deref() == Some(event)).collect();
    for (place, activation) in handlers.iter().enumerate() {
        let last = place + 1 == handlers.len();
        out.push(format!("{indent}{} {}", if last { "└" } else { "├" }, line(activation, style)));
        let below = format!("{indent}{} ", if last { " " } else { "│" });
        out.extend(said(activation).map(|line| format!("{below}  {}", style.dim(&line))));
        if calls {
            // A capability's calls come below the call that they served, which is recorded after them.
            let mut calls: Vec<&CallView> = activation.calls.iter().collect();
            calls.sort_by_key(|c| (c.parent.unwrap_or(c.call), c.parent.is_some(), c.record));
            let shown =
                |c: &&CallView| format!("{below}  {}{}", if c.parent.is_some() { "  " } else { "" }, call(c, style));
            out.extend(calls.iter().map(shown));
        } else {
            let denied = activation.calls.iter().filter(|call| call.denied);
            out.extend(denied.map(|c| format!("{below}  {}", call(c, style))));
        }
        for event in view.events.iter().filter(|e| e.emitted_by == Some(activation.activation)) {
            let unrouted = event.unrouted.as_deref();
            if let Some(why) = unrouted {
                out.push(format!("{below}└ {} {}", event.topic, style.bad(&format!("unrouted: {why}"))));
            }
            branch(view, &event.id, &below, calls, style, out);
        }
    }
}

fn line(activation: &ActivationView, style: Style) -> String {
    let emitted = if activation.emitted.is_empty() { "nothing".to_owned() } else { activation.emitted.join(", ") };
    let own = activation.calls.iter().filter(|call| call.parent.is_none()).count() as u64;
    let numbers = format!("{}  {}", count(own, "call"), duration(activation.elapsed_ns));
    let end = match activation.status.as_str() {
        "done" => String::new(),
        other if activation.message.is_empty() => format!("  {}", style.bad(other)),
        other => format!("  {}", style.bad(&format!("{other}: {}", plain(&activation.message)))),
    };
    let end = match (activation.fate.as_str(), &activation.again_at) {
        ("dead", _) => format!("{end}  {}", style.bad("dead letter")),
        ("again", Some(at)) => format!("{end}  {}", style.dim(&format!("again from {at}"))),
        _ => end,
    };
    let attempt = if activation.attempt > 1 { format!("attempt {}  ", activation.attempt) } else { String::new() };
    let numbers = format!("{attempt}{numbers}");
    format!("{} → {emitted}  {}{end}", style.name(&activation.agent), style.dim(&numbers))
}

/// The last lines of a standard error.
pub(crate) fn last_words(stderr: &str) -> Vec<String> {
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.len().saturating_sub(STDERR_LINES);
    lines.iter().skip(last).map(|line| format!("stderr  {}", plain(line))).collect()
}

/// What an activation that failed wrote to its standard error last, and what of its log is missing.
fn said(activation: &ActivationView) -> impl Iterator<Item = String> {
    let failed = activation.status != "done" && activation.status != "open";
    let tail = last_words(if failed { &activation.stderr } else { "" });
    let cut =
        (activation.log_cut > 0).then(|| format!("log     {} over its limit were cut", bytes(activation.log_cut)));
    tail.into_iter().chain(cut)
}

fn call(call: &CallView, style: Style) -> String {
    let served = call.parent.map(|parent| format!("{parent}.")).unwrap_or_default();
    let json = |value: &Option<serde_json::Value>| value.as_ref().map(|v| excerpt(&v.to_string())).unwrap_or_default();
    let outcome = match (&call.ended, call.denied) {
        (Some(ended), _) => style.bad(&format!("ended: {}", plain(ended))),
        (None, true) => {
            let why = call.denial.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
            style.bad(&format!("denied{why}"))
        }
        (None, false) if call.status == "reused" => format!("→ {} (reused)", json(&call.outcome)),
        (None, false) if call.outcome.is_none() => style.dim(&format!("({} not kept)", bytes(call.bytes))),
        (None, false) => format!("→ {}", json(&call.outcome)),
    };
    format!("{served}{}  {}  {}  {outcome}", call.call, call.function, style.dim(&json(&call.args)))
}
