//! `wasi:filesystem`: which directory, which path, and which right a call needs.
//!
//! The right and the effect are two things. Getting a handle that can write needs the right to write; it is an
//! effect only where the call itself creates or truncates. A call on two descriptors needs both. A hard link needs
//! the right to write on both sides, because the new name would be a second way to the old content.

use super::call::{Call, Lesson, ODD_ARGUMENT, UNKNOWN_HANDLE, each_handle};
use super::facts::{Access, Effect, Facts, Seen};
use super::handle::{HandleFacts, Parsed};
use super::path::{join, parent};
use crate::value::Value;

/// What a call is about; `None` if it has no entry.
pub(super) fn see(call: &Call<'_>) -> Option<Seen> {
    match (call.interface, call.name) {
        ("preopens", "get-directories") => Some(Seen { effect: Effect::Local, facts: Facts::Preopens }),
        ("types", "filesystem-error-code") => Some(Seen::local()),
        ("types", "[method]directory-entry-stream.read-directory-entry") => Some(call.reads(0)),
        ("types", name) => descriptor(call, name.strip_prefix("[method]descriptor.")?),
        _ => None,
    }
}

fn descriptor(call: &Call<'_>, method: &str) -> Option<Seen> {
    Some(match method {
        "read-via-stream" | "read" | "read-directory" | "get-flags" | "get-type" | "stat" | "metadata-hash"
        | "advise" | "sync" | "sync-data" => itself(call, 0, Effect::Read, Access::Read),
        // A handle to write with; each write through it is judged on its own.
        "write-via-stream" | "append-via-stream" => itself(call, 0, Effect::Read, Access::Write),
        "write" | "set-size" | "set-times" => itself(call, 0, Effect::Write, Access::Write),
        "is-same-object" => {
            itself(call, 0, Effect::Read, Access::Read).and(itself(call, 1, Effect::Read, Access::Read))
        }
        "readlink-at" => under(call, 0, 1, Effect::Read, Access::Read),
        "stat-at" | "metadata-hash-at" => under(call, 0, 2, Effect::Read, Access::Read),
        "create-directory-at" | "remove-directory-at" | "unlink-file-at" => {
            under(call, 0, 1, Effect::Write, Access::Write)
        }
        "set-times-at" => under(call, 0, 2, Effect::Write, Access::Write),
        "rename-at" => two_names(call, 1, 2),
        "link-at" => two_names(call, 2, 3),
        "symlink-at" => symlink(call),
        "open-at" => open(call),
        _ => return None,
    })
}

/// A call on the descriptor at `place` itself.
fn itself(call: &Call<'_>, place: usize, effect: Effect, access: Access) -> Seen {
    match known(call, place) {
        Some((directory, path)) => {
            let (directory, path) = (directory.to_owned(), path.to_owned());
            Seen { effect, facts: Facts::File { directory, path, access } }
        }
        None => Seen::refused(UNKNOWN_HANDLE),
    }
}

/// A call on the path at `path` under the descriptor at `place`.
fn under(call: &Call<'_>, place: usize, path: usize, effect: Effect, access: Access) -> Seen {
    match target(call, place, path) {
        Ok((directory, path)) => Seen { effect, facts: Facts::File { directory: directory.to_owned(), path, access } },
        Err(why) => Seen::refused(why),
    }
}

/// `rename-at` and `link-at`: an old path under the first descriptor, a new one under the one at `new`.
fn two_names(call: &Call<'_>, old_path: usize, new: usize) -> Seen {
    let old = under(call, 0, old_path, Effect::Write, Access::Write);
    old.and(under(call, new, new + 1, Effect::Write, Access::Write))
}

/// `symlink-at(content, new-path)`. The sandbox follows no link out of its directory, but tools of the host may: a
/// link whose content leads out is refused.
fn symlink(call: &Call<'_>) -> Seen {
    let link = under(call, 0, 2, Effect::Write, Access::Write);
    let Facts::File { path, .. } = &link.facts else { return link };
    match call.text(1).ok_or(ODD_ARGUMENT).and_then(|content| join(parent(path), content)) {
        Ok(_) => link,
        Err(_) => Seen::refused("a symbolic link leads out of its directory"),
    }
}

/// `open-at(path-flags, path, open-flags, flags)`.
fn open(call: &Call<'_>) -> Seen {
    let (Some(open), Some(rights)) = (call.flags(3), call.flags(4)) else { return Seen::refused(ODD_ARGUMENT) };
    let has = |set: &[String], name: &str| set.iter().any(|flag| flag == name);
    let changes = has(open, "create") || has(open, "truncate");
    let can_change = has(rights, "write") || has(rights, "mutate-directory");
    let effect = if changes { Effect::Write } else { Effect::Read };
    let access = if changes || can_change { Access::Write } else { Access::Read };
    under(call, 0, 2, effect, access)
}

/// Directory and path of the descriptor at `place`.
fn known<'a>(call: &Call<'a>, place: usize) -> Option<(&'a str, &'a str)> {
    match call.facts(place)? {
        HandleFacts::Descriptor { directory, path } => Some((directory, path)),
        HandleFacts::Request(_)
        | HandleFacts::Response { .. }
        | HandleFacts::Input { .. }
        | HandleFacts::Output { .. } => None,
    }
}

/// Directory and normalised path of the path at `path` under the descriptor at `place`.
fn target<'a>(call: &Call<'a>, place: usize, path: usize) -> Parsed<(&'a str, String)> {
    let (directory, base) = known(call, place).ok_or(UNKNOWN_HANDLE)?;
    Ok((directory, join(base, call.text(path).ok_or(ODD_ARGUMENT)?)?))
}

/// Preopens name the directories; every other handle descends from one of them.
pub(super) fn learn(call: &Call<'_>, outcome: &Value) -> Vec<Lesson> {
    let file = |access| {
        known(call, 0).map(|(directory, path)| Facts::File {
            directory: directory.to_owned(),
            path: path.to_owned(),
            access,
        })
    };
    let facts = match (call.interface, call.name) {
        ("preopens", "get-directories") => return preopens(outcome),
        ("types", "[method]descriptor.read-via-stream" | "[method]descriptor.read-directory") => {
            file(Access::Read).map(|from| HandleFacts::Input { from })
        }
        ("types", "[method]descriptor.write-via-stream" | "[method]descriptor.append-via-stream") => {
            file(Access::Write).map(|to| HandleFacts::Output { to })
        }
        ("types", "[method]descriptor.open-at") => target(call, 0, 2)
            .ok()
            .map(|(directory, path)| HandleFacts::Descriptor { directory: directory.to_owned(), path }),
        _ => None,
    };
    facts.map(|facts| each_handle(outcome, &facts)).unwrap_or_default()
}

fn preopens(outcome: &Value) -> Vec<Lesson> {
    let Value::List(entries) = outcome else { return Vec::new() };
    let descriptor = |entry: &Value| match entry {
        Value::Tuple(pair) => match pair.as_slice() {
            [Value::Handle(handle), Value::String(name)] => {
                let facts = HandleFacts::Descriptor { directory: name.clone(), path: String::new() };
                Some((handle.clone(), Some(facts)))
            }
            _ => None,
        },
        _ => None,
    };
    entries.iter().filter_map(descriptor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lens::script::{Guest, flags, handle, text};

    const TYPES: &str = "wasi:filesystem/types";
    const STREAMS: &str = "wasi:io/streams";

    /// A guest with two preopened directories.
    fn guest() -> (Guest, Value, Value) {
        let mut guest = Guest::default();
        let (data, out) = (handle("descriptor", 901), handle("descriptor", 902));
        let entry = |handle: &Value, name| Value::Tuple(vec![handle.clone(), text(name)]);
        let list = Value::List(vec![entry(&data, "/data"), entry(&out, "/out")]);
        let seen = guest.call("wasi:filesystem/preopens", "get-directories", &[], Some(list));
        assert_eq!(seen, Seen { effect: Effect::Local, facts: Facts::Preopens });
        (guest, data, out)
    }

    fn file(effect: Effect, directory: &str, path: &str, access: Access) -> Seen {
        Seen { effect, facts: Facts::File { directory: directory.into(), path: path.into(), access } }
    }

    fn open_args(at: &Value, path: &str, open: &[&str], rights: &[&str]) -> Vec<Value> {
        vec![at.clone(), flags(&["symlink-follow"]), text(path), flags(open), flags(rights)]
    }

    #[test]
    fn opening_needs_the_right_that_the_handle_will_have() {
        let (mut guest, data, _) = guest();
        let mut open = |open: &[&str], rights: &[&str]| {
            guest.ok(TYPES, "[method]descriptor.open-at", &open_args(&data, "a/../b.csv", open, rights)).0
        };
        assert_eq!(open(&[], &["read"]), file(Effect::Read, "/data", "b.csv", Access::Read));
        assert_eq!(open(&["directory"], &[]), file(Effect::Read, "/data", "b.csv", Access::Read));
        assert_eq!(open(&[], &["read", "write"]), file(Effect::Read, "/data", "b.csv", Access::Write));
        assert_eq!(open(&["directory"], &["mutate-directory"]), file(Effect::Read, "/data", "b.csv", Access::Write));
        assert_eq!(open(&["create"], &["read"]), file(Effect::Write, "/data", "b.csv", Access::Write));
        assert_eq!(open(&["truncate"], &["write"]), file(Effect::Write, "/data", "b.csv", Access::Write));
    }

    #[test]
    fn a_stream_is_the_file_it_leads_to() {
        let (mut guest, data, _) = guest();
        let (_, sub) =
            guest.ok(TYPES, "[method]descriptor.open-at", &open_args(&data, "sub", &["directory"], &["read"]));
        let (_, opened) =
            guest.ok(TYPES, "[method]descriptor.open-at", &open_args(&sub, "x.csv", &[], &["read", "write"]));
        let (seen, input) = guest.ok(TYPES, "[method]descriptor.read-via-stream", &[opened.clone(), Value::U64(0)]);
        assert_eq!(seen, file(Effect::Read, "/data", "sub/x.csv", Access::Read));
        let (seen, output) = guest.ok(TYPES, "[method]descriptor.append-via-stream", &[opened]);
        assert_eq!(seen, file(Effect::Read, "/data", "sub/x.csv", Access::Write));

        let bytes = Value::Bytes(vec![1]);
        let seen = guest.call(
            STREAMS,
            "[method]input-stream.blocking-read",
            &[input.clone(), Value::U64(9)],
            Some(Value::ok(Some(bytes.clone()))),
        );
        assert_eq!(seen, file(Effect::Read, "/data", "sub/x.csv", Access::Read));
        let seen = guest.call(STREAMS, "[method]output-stream.write", &[output.clone(), bytes], Some(Value::ok(None)));
        assert_eq!(seen, file(Effect::Write, "/data", "sub/x.csv", Access::Write));
        for name in ["check-write", "flush", "blocking-flush", "subscribe"] {
            assert_eq!(
                guest.call(STREAMS, &format!("[method]output-stream.{name}"), std::slice::from_ref(&output), None),
                Seen::local()
            );
        }
        let seen = guest.call(STREAMS, "[method]output-stream.splice", &[output, input, Value::U64(9)], None);
        assert_eq!(seen.effect, Effect::Write);
        assert!(matches!(seen.facts, Facts::Many(all) if all.len() == 2));
    }

    #[test]
    fn two_descriptors_are_two_facts() {
        let (mut guest, data, out) = guest();
        let rename = [data.clone(), text("a"), out.clone(), text("b")];
        let seen = guest.call(TYPES, "[method]descriptor.rename-at", &rename, None);
        let both =
            file(Effect::Write, "/data", "a", Access::Write).and(file(Effect::Write, "/out", "b", Access::Write));
        assert_eq!(seen, both);
        let link = [data, flags(&[]), text("a"), out, text("b")];
        assert_eq!(guest.call(TYPES, "[method]descriptor.link-at", &link, None), both);
    }

    #[test]
    fn paths_that_escape_are_refused_and_so_are_links_that_would() {
        let (mut guest, data, _) = guest();
        let mut refused =
            |name: &str, args: &[Value]| matches!(guest.call(TYPES, name, args, None).facts, Facts::Refused { .. });
        for path in ["..", "../x", "a/../../x", "/etc/passwd"] {
            assert!(refused("[method]descriptor.unlink-file-at", &[data.clone(), text(path)]), "{path}");
            assert!(refused("[method]descriptor.open-at", &open_args(&data, path, &[], &["read"])), "{path}");
        }
        assert!(refused("[method]descriptor.symlink-at", &[data.clone(), text("../../etc"), text("a/link")]));
        assert!(refused("[method]descriptor.symlink-at", &[data.clone(), text("/etc"), text("link")]));
        assert!(!refused("[method]descriptor.symlink-at", &[data.clone(), text("../b"), text("a/link")]));
        assert!(refused("[method]descriptor.stat", &[handle("descriptor", 77)]));
        assert!(refused("[method]descriptor.open-at", &[data, flags(&[]), text("a")]));
    }

    #[test]
    fn a_denied_open_teaches_nothing() {
        let (mut guest, data, _) = guest();
        let before = guest.lens.clone();
        let denied = Value::err(Some(Value::Enum("not-permitted".into())));
        guest.call(TYPES, "[method]descriptor.open-at", &open_args(&data, "x", &[], &["read"]), Some(denied));
        assert_eq!(guest.lens, before);
    }
}
