//! Every function of WASI 0.2 and of our own interfaces has an entry. Method: walk the WIT that the host is built
//! from, unstable items included, and ask [`covers`] about each function.

use super::covers;
use crate::function::FunctionId;
use std::path::Path;
use wit_parser::Resolve;

fn functions(folder: &Path) -> Vec<FunctionId> {
    let mut resolve = Resolve { all_features: true, ..Resolve::default() };
    resolve.push_dir(folder).unwrap();
    let mut all = Vec::new();
    for (id, interface) in &resolve.interfaces {
        let Some(name) = resolve.id_of(id) else { continue };
        all.extend(interface.functions.keys().map(|function| FunctionId::new(&name, function)));
    }
    all
}

fn check(folder: &Path, at_least: usize) {
    let all = functions(folder);
    let ours = |f: &&FunctionId| f.interface.starts_with("wasi:") || f.interface.starts_with("manes:agent/");
    let known: Vec<_> = all.iter().filter(ours).collect();
    assert!(known.len() >= at_least, "only {} functions under {}", known.len(), folder.display());
    let missing: Vec<_> = known.iter().filter(|f| !covers(f)).map(ToString::to_string).collect();
    assert!(missing.is_empty(), "functions without an entry in the lens: {missing:#?}");
}

#[test]
fn every_function_of_wasi_and_of_our_own_interfaces_has_an_entry() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    check(&here.join("../runtime/wit"), 180);
    check(&here.join("../../wit"), 5);
}

#[test]
fn a_function_that_was_never_written_has_none() {
    for (interface, name) in [
        ("wasi:io/streams@0.2.0", "[method]input-stream.peek"),
        ("wasi:sockets/tcp@0.2.0", "[method]tcp-socket.peek"),
        ("wasi:http/types@0.2.0", "[method]outgoing-request.set-proxy"),
        ("wasi:http/types@0.3.0", "[constructor]fields"),
        ("manes:table/table@0.1.0", "query"),
    ] {
        assert!(!covers(&FunctionId::new(interface, name)), "{interface}#{name}");
    }
}
