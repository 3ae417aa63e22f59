//! Files of many megabytes: answered within the default limits, or refused with the manifest line that raises the one
//! that was met.

use super::analyst::Analyst;
use super::oracle::agree;
use crate::cli::cmd::Cmd;
use crate::cli::desk::asked;
use manes_tests::Seed;
use serde_json::json;
use std::io::{BufWriter, Write as _};

const CITIES: [&str; 4] = ["Bern", "Oslo", "Quito", "Seoul"];

/// What was written, computed while it was written.
#[derive(Debug, Default)]
struct Written {
    rows: u64,
    sums: [f64; 4],
    counts: [u64; 4],
    max: f64,
}

/// Writes a file of at least `bytes`: a number, a city, a value in eighths, and text that nobody asks for.
fn write(analyst: &Analyst, name: &str, bytes: usize) -> Written {
    let file = std::fs::File::create(analyst.desk.data(name)).expect("a file");
    let mut out = BufWriter::new(file);
    let (mut seed, mut written, mut size) = (Seed::new(7), Written::default(), 0);
    let mut put = |text: String| {
        size += text.len();
        out.write_all(text.as_bytes()).expect("written");
        size
    };
    let mut size = put("number,city,value,remark\n".to_owned());
    while size < bytes {
        let city = seed.below(4) as usize;
        let value = seed.below(8_000) as f64 / 8.0;
        size = put(format!("{},{},{value},\"some text, that fills the line {:016x}\"\n", written.rows, CITIES[city], seed.next()));
        written.rows += 1;
        written.sums[city] += value;
        written.counts[city] += 1;
        written.max = written.max.max(value);
    }
    written
}

fn by_city(value: impl Fn(usize) -> serde_json::Value) -> serde_json::Value {
    CITIES.iter().enumerate().map(|(place, city)| ((*city).to_owned(), value(place))).collect::<serde_json::Map<_, _>>().into()
}

/// Asks three questions about a file of this size and compares.
fn answered(bytes: usize) {
    let analyst = Analyst::new();
    let written = write(&analyst, "big.csv", bytes);
    let found = analyst.answered("how many rows", "big.csv");
    assert_eq!((&found["answer"], &found["rows_read"]), (&json!(written.rows), &json!(written.rows)));
    let found = analyst.answer("sum of value by city", "big.csv");
    assert!(agree(&found, &by_city(|city| json!(written.sums[city]))), "{found} {written:?}");
    let found = analyst.answer("mean of value by city", "big.csv");
    assert!(agree(&found, &by_city(|city| json!(written.sums[city] / written.counts[city] as f64))), "{found} {written:?}");
    let found = analyst.answer("max value where city is Quito or Oslo or Bern or Seoul", "big.csv");
    assert!(agree(&found, &json!(written.max)), "{found} {written:?}");
    assert_eq!(analyst.replayed(), 24);
}

#[test]
fn a_file_of_20_mb_is_answered_within_the_default_limits() {
    answered(20_000_000);
}

#[test]
fn soak_a_file_of_100_mb_is_answered_within_the_default_limits() {
    if std::env::var_os("MANES_SOAK").is_none() {
        eprintln!("SKIPPED: the 100 MB file; MANES_SOAK=1, or `just soak`, runs it");
        return;
    }
    answered(100_000_000);
}

/// Asks with one limit of the critic set; the question must end the flow with words that name the limit, and with the
/// limit where the default has it the same question must be answered.
fn limit_speaks(line: &str, named: &str) {
    let key = line.split(' ').next().expect("a key");
    let section = "[agent.critic]";
    let lowered = Analyst::changed(&[(section, &format!("[agent.critic.limits]\n{line}\n\n{section}"))]);
    let written = write(&lowered, "some.csv", 6_000_000);
    let ran = Cmd::manes(&lowered.desk).args(["run", "csv.question"]).arg(asked("sum of value", "some.csv")).exits(3);
    assert_eq!(ran.stdout, "", "there is no answer");
    for word in ["critic: limit", key, named] {
        assert!(ran.stderr.contains(word), "{word:?} is not in: {}", ran.stderr);
    }
    drop(lowered);
    let raised = Analyst::new();
    write(&raised, "some.csv", 6_000_000);
    assert!(agree(&raised.answer("sum of value", "some.csv"), &json!(written.sums.iter().sum::<f64>())));
}

#[test]
fn more_recorded_than_the_limit_is_refused_with_the_line_that_raises_it() {
    limit_speaks("recorded_mib = 0", "limits");
}

#[test]
fn more_computing_than_the_limit_is_refused_with_the_line_that_raises_it() {
    limit_speaks("fuel = 1000000", "limits");
}

#[test]
fn more_calls_than_the_limit_are_refused_with_the_line_that_raises_it() {
    limit_speaks("calls_max = 3", "limits");
}
