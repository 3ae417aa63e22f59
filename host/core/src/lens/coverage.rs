//! Every function of WASI 0.2 and of our own interfaces has an entry. Method: walk the WIT that the host is built
//! from, unstable items included, and ask [`covers`] about each function.

use super::script::{handle, text};
use super::{Facts, Lens, covers};
use crate::function::FunctionId;
use crate::value::Value;
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
fn no_entry_finds_authority_in_arguments_that_are_not_known() {
    let stranger = handle("descriptor", 7);
    let odd = [vec![], vec![stranger.clone(); 6], vec![Value::Bool(true); 6], vec![stranger, text("a"), text("b")]];
    let lens = Lens::new();
    for function in functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/wit")) {
        for args in &odd {
            let facts = lens.see(&function, args).facts;
            let harmless = matches!(
                facts,
                Facts::Base | Facts::Preopens | Facts::Timer | Facts::Socket { .. } | Facts::Refused { .. }
            );
            assert!(harmless || !function.interface.starts_with("wasi:"), "{function}: {facts:?}");
            lens.clone().learn(&function, args, args.first());
        }
    }
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
