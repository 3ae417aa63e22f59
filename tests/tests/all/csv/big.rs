//! Files of many megabytes: answered within the default limits, or refused with the manifest line that raises the one
//! that was met.

use super::analyst::Analyst;
use super::oracle::agree;
use crate::cli::cmd::Cmd;
use crate::cli::desk::{Desk, asked, csv_manifest};
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
fn write(desk: &Desk, name: &str, bytes: usize) -> Written {
    let file = std::fs::File::create(desk.data(name)).expect("a file");
    let mut out = BufWriter::new(file);
    let (mut seed, mut written) = (Seed::new(7), Written::default());
    let mut put = |text: String| {
        out.write_all(text.as_bytes()).expect("written");
        text.len()
    };
    let mut size = put("number,city,value,remark\n".to_owned());
    while size < bytes {
        let city = seed.below(4);
        let value = seed.below(8_000) as f64 / 8.0;
        size += put(format!(
            "{},{},{value},\"some text, that fills the line {:016x}\"\n",
            written.rows,
            CITIES[city],
            seed.number()
        ));
        written.rows += 1;
        written.sums[city] += value;
        written.counts[city] += 1;
        written.max = written.max.max(value);
    }
    written
}

fn by_city(value: impl Fn(usize) -> serde_json::Value) -> serde_json::Value {
    CITIES
        .iter()
        .enumerate()
        .map(|(place, city)| ((*city).to_owned(), value(place)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Asks three questions about a file of this size and compares.
fn answered(bytes: usize) {
    let analyst = Analyst::new();
    let written = write(&analyst.desk, "big.csv", bytes);
    let found = analyst.answered("how many rows", "big.csv");
    assert_eq!((&found["answer"], &found["rows_read"]), (&json!(written.rows), &json!(written.rows)));
    let found = analyst.answer("sum of value by city", "big.csv");
    assert!(agree(&found, &by_city(|city| json!(written.sums[city]))), "{found} {written:?}");
    let found = analyst.answer("mean of value by city", "big.csv");
    assert!(
        agree(&found, &by_city(|city| json!(written.sums[city] / written.counts[city] as f64))),
        "{found} {written:?}"
    );
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

/// A desk with a file of 6 MB whose critic has one limit lowered.
fn lowered(line: &str) -> Desk {
    let desk = Desk::csv();
    let section = "[agent.critic]";
    desk.write_manifest(&csv_manifest().replacen(section, &format!("[agent.critic.limits]\n{line}\n\n{section}"), 1));
    write(&desk, "some.csv", 6_000_000);
    desk
}

const QUESTION: &str = "count of remark";

/// The refusal of the question, on standard error.
fn refusal(desk: &Desk) -> Option<String> {
    let ran = Cmd::manes(desk).args(["run", "csv.question"]).arg(asked(QUESTION, "some.csv")).run();
    match ran.code {
        Some(0) => {
            assert!(ran.json()["answer"].as_u64().is_some_and(|rows| rows > 50_000), "{}", ran.stdout);
            None
        }
        Some(3) => {
            assert_eq!(ran.stdout, "", "there is no answer");
            Some(ran.stderr)
        }
        other => panic!("{other:?}: {}", ran.stderr),
    }
}

/// The question is refused with a manifest line that raises `key`; putting in the line that each refusal names leads to
/// the answer.
fn advice_leads_to_the_answer(key: &str, low: u64) {
    let desk = lowered(&format!("{key} = {low}"));
    let mut value = low;
    while let Some(refusal) = refusal(&desk) {
        let advice = format!("raise it in [agent.critic] with: limits = {{ {key} = ");
        let text = refusal.split(&advice).nth(1).unwrap_or_else(|| panic!("{advice:?} is not in: {refusal}"));
        assert!(refusal.contains("critic: "), "whose limit it is: {refusal}");
        let higher: u64 =
            text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no number: {text}"));
        assert!(higher > value, "{higher} does not raise {value}");
        let manifest = std::fs::read_to_string(desk.manifest()).expect("the manifest");
        desk.write_manifest(&manifest.replace(&format!("{key} = {value}\n"), &format!("{key} = {higher}\n")));
        value = higher;
    }
    assert!(value > low, "the limit was never met: the test asks too little");
}

#[test]
fn more_recorded_than_the_limit_is_refused_with_the_line_that_raises_it() {
    advice_leads_to_the_answer("recorded_mib", 1);
}

#[test]
fn more_calls_than_the_limit_are_refused_with_the_line_that_raises_it() {
    advice_leads_to_the_answer("calls_max", 4);
}

#[test]
fn a_call_larger_than_the_limit_is_refused_with_the_line_that_raises_it() {
    advice_leads_to_the_answer("call_kib", 16);
}

#[test]
fn more_memory_than_the_limit_is_refused_with_the_line_that_raises_it() {
    advice_leads_to_the_answer("memory_mib", 1);
}

#[test]
fn more_computing_than_the_limit_is_refused_by_the_name_of_the_limit_and_raising_it_works() {
    let desk = lowered("fuel = 1000000");
    let refusal = refusal(&desk).expect("a refusal");
    assert!(refusal.contains("critic: ") && refusal.contains("limits = { fuel = "), "{refusal}");
    desk.write_manifest(&csv_manifest().replacen(
        "[agent.critic]",
        "[agent.critic.limits]\nfuel = 5000000000\n\n[agent.critic]",
        1,
    ));
    assert!(self::refusal(&desk).is_none(), "the raised limit is in force");
}
