//! Seeded scripts that mix all operations.

use manes_tests::Seed;
use serde_json::{Value, json};

/// Operations after which a script goes on.
fn plain(server: &str) -> Vec<Value> {
    let url = |path: &str| format!("{server}{path}");
    vec![
        json!(["now"]),
        json!(["resolution"]),
        json!(["wall"]),
        json!(["wall-resolution"]),
        json!(["random", 33]),
        json!(["random-u64"]),
        json!(["insecure", 5]),
        json!(["insecure-u64"]),
        json!(["seed"]),
        json!(["env"]),
        json!(["args"]),
        json!(["cwd"]),
        json!(["terminals"]),
        json!(["network"]),
        json!(["preopens"]),
        json!(["stdin", "read"]),
        json!(["stdin", "blocking-read"]),
        json!(["stdin", "skip"]),
        json!(["stdin", "blocking-skip"]),
        json!(["out", "stdout", "write", "one line\n"]),
        json!(["out", "stderr", "write-and-flush", "two\nlines\n"]),
        json!(["out", "stdout", "check"]),
        json!(["out", "stderr", "flush"]),
        json!(["out", "stdout", "blocking-flush"]),
        json!(["out", "stdout", "zeroes", 7]),
        json!(["out", "stderr", "zeroes-and-flush", 9]),
        json!(["out", "stdout", "splice"]),
        json!(["out", "stdout", "blocking-splice"]),
        json!(["ready", "stdin"]),
        json!(["block", "stdout"]),
        json!(["poll", ["stdin", "stdout"]]),
        json!(["poll", ["timer:60000", "stdout"]]),
        json!(["poll", ["timer:1"]]),
        json!(["poll", ["file:/in/data.txt"]]),
        json!(["sleep", 1]),
        json!(["until-now"]),
        json!(["log", "info", "a line", 7]),
        json!(["log", "error", "another"]),
        json!(["config", "colour"]),
        json!(["config", "nothing"]),
        json!(["attempt"]),
        json!(["read", "/in/data.txt"]),
        json!(["read-chunks", "/in/big.bin", 4096]),
        json!(["read", "/in/missing.txt"]),
        json!(["read", "/in/../secret"]),
        json!(["list", "/in"]),
        json!(["stat", "/in/data.txt"]),
        json!(["write", "/in/no.txt", "x"]),
        json!(["write", "/out/a.txt", "fresh"]),
        json!(["append", "/out/b.txt", "more"]),
        json!(["mkdir", "/out/folder"]),
        json!(["http", "GET", url("/echo?q=1")]),
        json!(["http", "POST", url("/echo"), "a body", [["x-mine", "1"]]]),
        json!(["http", "GET", url("/chunked/3")]),
        json!(["http", "GET", url("/redirect")]),
        json!(["http", "GET", "http://127.0.0.1:1/refused"]),
        json!(["http", "DELETE", url("/echo")]),
        json!(["http", "GET", "https://example.com/"]),
        json!(["echo", "there and back"]),
        json!(["echo-bytes", 300]),
        json!(["counter", 5, [1, 2, 3]]),
        json!(["counters", [10, 20, 30]]),
        json!(["count"]),
        json!(["peek"]),
        json!(["unnamed"]),
        json!(["look"]),
        json!(["store", "stored.txt", "by the capability"]),
        json!(["load", "/nowhere"]),
        json!(["fetch", url("/echo")]),
        json!(["relay", "far"]),
        json!(["absent", "text"]),
        json!(["absent", "plain"]),
        json!(["absent", "rich"]),
        json!(["event"]),
        json!(["memory", 1]),
        json!(["burn", 20_000]),
        json!(["emit", "work.done", "text"]),
        json!(["emit", "work.done", "bytes", { "binary": true, "type": "application/octet-stream" }]),
        json!(["emit", "work.done", "later", { "delay": 1, "extensions": { "mood": "good", "age": "3" } }]),
        json!(["report", "work.reported"]),
    ]
}

/// Operations that end the attempt, each in its own way.
fn last() -> Vec<Value> {
    vec![
        json!(["reject", "not today"]),
        json!(["retry", "perhaps tomorrow"]),
        json!(["trap"]),
        json!(["divide", 0]),
        json!(["panic", "for a reason"]),
        json!(["recurse"]),
        json!(["exit", 0]),
        json!(["exit", 1]),
        json!(["exit-code", 9]),
        json!(["absent", "mute"]),
        json!(["absent", "loud"]),
        json!(["emit", "elsewhere.done", "x"]),
        json!(["emit", "not a topic", "x"]),
        json!(["echo-trap"]),
        json!(["echo-panic", "the capability's own"]),
        json!(["memory", 200]),
        json!(["say", 5_000_000]),
        json!(["leak", 300]),
        json!(["random", 1u64 << 60]),
        json!(["splice", "/in/data.txt", "stdout"]),
        json!(["spin"]),
    ]
}

/// `count` scripts: every operation once, then seeded mixes.
pub(super) fn scripts(count: usize, seed: u64, server: &str) -> Vec<Value> {
    let (plain, last) = (plain(server), last());
    let mut seed = Seed::new(seed);
    let alone = plain.iter().chain(&last).map(|operation| json!([operation, ["log", "debug", "after"]]));
    let mut scripts: Vec<Value> = alone.collect();
    while scripts.len() < count {
        let mut script: Vec<Value> = (0..seed.below(6)).map(|_| seed.pick(&plain).clone()).collect();
        script.push(json!(["everything", seed.number() >> 1]));
        script.extend((0..seed.below(4)).map(|_| seed.pick(&plain).clone()));
        if seed.below(4) == 0 {
            // Spinning costs a tenth of a second each time: the last one is drawn less often.
            let end = seed.pick(&last);
            script.push(if *end == json!(["spin"]) && seed.below(4) > 0 { json!(["trap"]) } else { end.clone() });
        }
        scripts.push(Value::Array(script));
    }
    seed.shuffle(&mut scripts);
    scripts
}
