//! Questions by hand: the shipped data, odd files, refusals, and a file that changes under way.

use serde_json::json;

use crate::bridge::Memory;
use crate::{answer, ask, refusal};

fn penguins() -> Memory {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../examples/csv-analysis/data/penguins.csv");
    Memory::default().with("penguins.csv", std::fs::read(path).unwrap())
}

#[test]
fn the_shipped_data_gives_its_published_means() {
    let (_, json) = ask(&penguins(), "mean body_mass_g by species?", "penguins.csv");
    assert_eq!(
        json["answer"],
        json!({ "Adelie": 3700.662251655629, "Chinstrap": 3733.0882352941176, "Gentoo": 5076.016260162602 })
    );
    assert_eq!((&json["rows_used"], &json["rows_skipped"], &json["attempts"]), (&json!(342), &json!(2), &json!(1)));
}

#[test]
fn every_example_has_an_answer() {
    for question in csv_lang::EXAMPLES {
        let answer = answer(&penguins(), question, "penguins.csv");
        assert!(!answer.is_null(), "{question}");
    }
    let counts = answer(&penguins(), "how many penguins per island where sex is female", "penguins.csv");
    assert_eq!(counts, json!({ "Biscoe": 80, "Dream": 61, "Torgersen": 24 }));
    let best = answer(&penguins(), "which species has the largest mean flipper_length_mm?", "penguins.csv");
    assert_eq!(best[0]["species"], "Gentoo");
    assert_eq!(answer(&penguins(), "how many distinct islands are there", "penguins.csv"), json!(3));
    assert_eq!(answer(&penguins(), "count rows where sex is missing", "penguins.csv"), json!(11));
}

#[test]
fn odd_files_are_read_or_refused_in_words() {
    let file = |text: &str| Memory::default().with("x.csv", text);
    assert_eq!(answer(&file("a,a\n1,2\n"), "sum of a_2", "x.csv"), json!(2));
    assert_eq!(answer(&file("a,b\n"), "count", "x.csv"), json!(0));
    assert_eq!(answer(&file("a,b\n"), "mean b", "x.csv"), json!(null));
    assert_eq!(answer(&file("a;b\n1;2\n3;4\n"), "sum of a and b", "x.csv"), json!({ "sum a": 4, "sum b": 6 }));
    assert_eq!(answer(&file("only\n\n5\n"), "max only", "x.csv"), json!(5));
    let (stage, reason) = refusal(&file(""), "count", "x.csv");
    assert_eq!(stage, "proposer");
    assert!(reason.contains("the file is empty"), "{reason}");
    let (_, reason) = refusal(&file("a\n\"1\n2\n"), "count", "x.csv");
    assert!(reason.contains("record 1 after the header: a quote is opened"), "{reason}");
}

#[test]
fn refusals_say_who_and_what_to_do() {
    for (question, stage, hint) in [
        ("will it rain", "perceptor", "what to compute"),
        ("mean body_mass_g top 3", "decomposer", "by COLUMN"),
        ("mean beak by species", "proposer", "no column “beak”"),
        ("how many female penguins", "proposer", "where COLUMN is"),
        ("mean species", "safety", "needs numbers"),
        ("list rows limit 5000", "safety", "rows_max"),
    ] {
        let (who, reason) = refusal(&penguins(), question, "penguins.csv");
        assert_eq!(who, stage, "{question}: {reason}");
        assert!(reason.contains(hint), "{question}: {reason}");
    }
    let (stage, reason) = refusal(&penguins(), "count rows", "seals.csv");
    assert_eq!(stage, "proposer");
    assert!(reason.contains("no file “seals.csv”"), "{reason}");
}

#[test]
fn a_file_that_changes_once_is_answered_on_the_second_attempt() {
    // Opened by proposer, executor, critic; from then on it stays as it is.
    let (before, after) = ("a\n1\n", "a\n1\n2\n");
    let memory = Memory::default().with("x.csv", before).with("x.csv", before).with("x.csv", after);
    let (topic, json) = ask(&memory, "sum of a", "x.csv");
    assert_eq!((topic.as_str(), &json["answer"], &json["attempts"]), ("csv.answered", &json!(3), &json!(2)));
}

#[test]
fn a_file_that_keeps_changing_is_refused_with_both_values() {
    let mut memory = Memory::default();
    for rows in 1..8 {
        memory = memory.with("x.csv", format!("a\n{rows}\n"));
    }
    let (topic, json) = ask(&memory, "sum of a", "x.csv");
    assert_eq!(topic, "csv.rejected");
    assert_eq!(json["stage"], "critic");
    assert_eq!((&json["disagreement"]["executor"], &json["disagreement"]["critic"]), (&json!(5), &json!(6.0)));
}
