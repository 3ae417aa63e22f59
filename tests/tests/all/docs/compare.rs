//! What a page shows beside what came: equal but for what differs in every run.
//!
//! `…` stands for anything in a line, and alone on a line for any lines. An id that a page shows stands for the one that
//! came in its place, from then on. Durations and sizes are not compared.

use std::collections::BTreeMap;

/// Digits of an id as pages show it.
const ID: usize = 8;

/// Ids of a page, and what they are in this run.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids(BTreeMap<String, String>);

impl Ids {
    /// A command line of a page, with the ids of this run.
    pub(super) fn filled(&self, command: &str) -> String {
        words(command).into_iter().map(|word| self.real(&word).unwrap_or(word)).collect()
    }

    fn real(&self, word: &str) -> Option<String> {
        if word.len() < 4 || !is_hex(word) {
            return None;
        }
        let (_, real) = self.0.iter().find(|(shown, _)| shown.starts_with(word))?;
        real.get(..word.len()).map(str::to_owned)
    }

    /// True if `word` of a page may stand for `came`.
    fn stands_for(&mut self, word: &str, came: &str) -> bool {
        let is_id = |text: &str| text.len() >= ID && is_hex(text);
        if !is_id(word) || !is_id(came) {
            return false;
        }
        let real = self.0.entry(word[..ID].to_owned()).or_insert_with(|| came[..ID].to_owned());
        came.starts_with(real.as_str())
    }
}

fn is_hex(word: &str) -> bool {
    word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) && word.bytes().any(|b| b.is_ascii_digit())
}

/// Runs of letters and digits, and everything between them one by one.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in line.chars() {
        match words.last_mut() {
            Some(last) if c.is_ascii_alphanumeric() && last.chars().all(|c| c.is_ascii_alphanumeric()) => last.push(c),
            _ => words.push(c.to_string()),
        }
    }
    words
}

/// True for a time as it is printed.
fn is_time(word: &str) -> bool {
    word.len() > 19 && word.ends_with('Z') && word.as_bytes().get(10) == Some(&b'T') && word.starts_with("20")
}

/// A line without what is measured: `1.5 ms` and `2.0 KiB` are `N ms` and `N KiB`, a time is `T`.
fn plain(line: &str) -> String {
    let parts: Vec<&str> = line.trim_end().split(' ').collect();
    let measured = |place: usize| {
        let unit = parts.get(place + 1).is_some_and(|unit| ["ms", "s", "B", "KiB", "MiB"].contains(unit));
        let number = parts.get(place).is_some_and(|number| number.parse::<f64>().is_ok());
        number && unit
    };
    let shown = |place: usize| match parts[place] {
        _ if measured(place) => "N",
        word if is_time(word) => "T",
        word => word,
    };
    (0..parts.len()).map(shown).collect::<Vec<_>>().join(" ")
}

/// True if the lines of a page are those that came.
pub(super) fn fits(shown: &[&str], came: &[&str], ids: &mut Ids) -> bool {
    match shown.split_first() {
        None => came.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=came.len()).any(|skipped| attempt(ids, |ids| fits(rest, &came[skipped..], ids)))
        }
        Some((first, rest)) => match came.split_first() {
            Some((line, more)) => {
                attempt(ids, |ids| line_fits(&words(&plain(first)), &words(&plain(line)), ids) && fits(rest, more, ids))
            }
            None => false,
        },
    }
}

fn line_fits(shown: &[String], came: &[String], ids: &mut Ids) -> bool {
    match shown.split_first() {
        None => came.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=came.len()).any(|skipped| attempt(ids, |ids| line_fits(rest, &came[skipped..], ids)))
        }
        Some((first, rest)) => came.split_first().is_some_and(|(word, more)| {
            attempt(ids, |ids| (first == word || ids.stands_for(first, word)) && line_fits(rest, more, ids))
        }),
    }
}

/// Keeps what was learned of ids only if it led somewhere.
fn attempt(ids: &mut Ids, try_it: impl FnOnce(&mut Ids) -> bool) -> bool {
    let before = ids.clone();
    let fits = try_it(ids);
    if !fits {
        *ids = before;
    }
    fits
}

#[test]
fn ids_are_learned_and_what_differs_is_found() {
    let mut ids = Ids::default();
    let one = |shown: &str, came: &str, ids: &mut Ids| fits(&[shown], &[came], ids);
    assert!(one("flow 7c1e09aa… done in 1.5 ms", "flow 0123456789abcdef… done in 20 ms", &mut ids));
    assert_eq!(ids.filled("manes flow 7c1e --calls # dead beef"), "manes flow 0123 --calls # dead beef");
    assert!(one("flow 7c1e09aa", "flow 01234567", &mut ids));
    assert!(!one("flow 7c1e09aa", "flow 76543210", &mut ids));
    assert!(!one("flow 7c1e09aa… done", "flow 01234567… failed", &mut ids));
    assert!(fits(&["a", "…", "d"], &["a", "b", "c", "d"], &mut ids));
    assert!(!fits(&["a", "…", "d"], &["a", "b", "c"], &mut ids));
    assert!(!fits(&["a"], &["a", "b"], &mut ids));
}
