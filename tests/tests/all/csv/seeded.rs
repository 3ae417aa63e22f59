//! Sixty drawn tables, four questions each, against an independent computation; then everything replayed.

use super::analyst::Analyst;
use super::{draw, oracle};
use manes_tests::Seed;

const QUESTIONS: usize = 4;

/// Asks about the tables of these seeds and compares; then replays every flow.
fn answers_are_right(seeds: std::ops::Range<u64>) {
    let analyst = Analyst::new();
    let asked = QUESTIONS * seeds.clone().count();
    for number in seeds {
        let mut seed = Seed::new(number);
        let table = draw::table(&mut seed);
        let file = format!("table-{number}.csv");
        analyst.file(&file, draw::written(&mut seed, &table));
        for _ in 0..QUESTIONS {
            let (question, text) = draw::question(&mut seed);
            let expected = oracle::expected(&table, &question);
            let found = analyst.answered(&text, &file);
            let answer = &found["answer"];
            assert!(
                oracle::agree(answer, &expected.answer),
                "seed {number}, “{text}”:\n{answer}\nexpected\n{}",
                expected.answer
            );
            let rows = [&found["rows_read"], &found["rows_used"], &found["rows_skipped"]].map(|count| count.as_u64());
            let counted = [expected.read, expected.used, expected.skipped].map(|count| Some(count as u64));
            assert_eq!(rows, counted, "seed {number}, “{text}”: rows read, used, skipped");
        }
    }
    assert_eq!(analyst.replayed(), 6 * asked, "every activation of every question is replayed");
}

#[test]
fn seeded_tables_are_answered_as_an_independent_computation_answers_them() {
    answers_are_right(0..30);
}

#[test]
fn more_seeded_tables_are_answered_as_an_independent_computation_answers_them() {
    answers_are_right(30..60);
}

#[test]
fn soak_many_seeded_tables() {
    if std::env::var_os("MANES_SOAK").is_none() {
        eprintln!("SKIPPED: 300 more seeded tables; MANES_SOAK=1, or `just soak`, runs them");
        return;
    }
    for first in (1_000..1_300).step_by(30) {
        answers_are_right(first..first + 30);
    }
}
