//! Files and questions from a seed, with answers computed from the generated cells themselves.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::answer;
use crate::bridge::Memory;

/// A small generator (SplitMix64): the same seed gives the same file for ever.
struct Seed(u64);

impl Seed {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// A row as it is meant: a group, a text and a number, each possibly missing.
struct Row {
    group: Option<String>,
    text: Option<String>,
    number: Option<f64>,
}

fn rows(seed: &mut Seed) -> Vec<Row> {
    let groups = ["red", "green, dark", "say \"blue\"", "two\nlines", "Ünïcode"];
    (0..seed.below(60))
        .map(|_| Row {
            group: (seed.below(8) > 0).then(|| seed.pick(&groups).to_owned()),
            text: (seed.below(8) > 0).then(|| seed.pick(&["Yes", "no", "maybe so"]).to_owned()),
            #[expect(clippy::cast_precision_loss, reason = "small")]
            number: (seed.below(8) > 0).then(|| (seed.below(20_000) as f64 - 10_000.0) / 8.0),
        })
        .collect()
}

/// The rows as CSV, with every freedom that the format leaves.
fn csv(seed: &mut Seed, rows: &[Row]) -> String {
    let line_end = seed.pick(&["\n", "\r\n"]);
    let mut out = seed.pick(&["", "\u{feff}"]).to_owned() + "Group Name,noise,the_text,Number" + line_end;
    for row in rows {
        let number = row.number.map(|number| number.to_string());
        let cells = [
            written(seed, row.group.as_deref()),
            written(seed, Some("a,\r\n\"b")),
            written(seed, row.text.as_deref()),
            written(seed, number.as_deref()),
        ];
        out += &cells.join(",");
        out += line_end;
    }
    out
}

fn written(seed: &mut Seed, cell: Option<&str>) -> String {
    let Some(cell) = cell else { return seed.pick(&["", "NA", "null", "\"\"", " "]).to_owned() };
    let needed = cell.contains([',', '"', '\n', '\r']);
    if needed || seed.below(4) == 0 { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

fn aggregate(function: &str, rows: &[&Row]) -> Option<f64> {
    let mut numbers: Vec<f64> = rows.iter().filter_map(|row| row.number).collect();
    numbers.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let count = numbers.len() as f64;
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let all = rows.len() as f64;
    // Eighths below 2^14: plain sums are exact.
    let sum: f64 = numbers.iter().sum();
    match function {
        "count rows" => Some(all),
        _ if numbers.is_empty() => None,
        "sum of number" => Some(sum),
        "mean number" => Some(sum / count),
        "min number" => numbers.first().copied(),
        "max number" => numbers.last().copied(),
        "median number" => {
            let middle = numbers.len() / 2;
            Some(if numbers.len() % 2 == 1 { numbers[middle] } else { (numbers[middle - 1] + numbers[middle]) / 2.0 })
        }
        other => panic!("{other}"),
    }
}

type Predicate = fn(&Row) -> bool;
const FILTERS: [(&str, Predicate); 7] = [
    ("", |_| true),
    (" where the text is YES", |row| row.text.as_deref() == Some("Yes")),
    (" where the text is not yes", |row| row.text.as_deref().is_some_and(|text| text != "Yes")),
    (" where number > 100 and the_text contains 'E'", |row| {
        row.number.is_some_and(|n| n > 100.0) && row.text.as_deref().is_some_and(|text| text != "no")
    }),
    (" where number between -200 and 300.5 or group name is missing", |row| {
        row.number.is_some_and(|n| (-200.0..=300.5).contains(&n)) || row.group.is_none()
    }),
    (" where \"Group Name\" is 'green, dark' or red", |row| {
        matches!(row.group.as_deref(), Some("green, dark" | "red"))
    }),
    (" where number is not missing and number != 0", |row| row.number.is_some_and(|n| n != 0.0)),
];
const FUNCTIONS: [&str; 6] =
    ["count rows", "sum of number", "mean number", "min number", "max number", "median number"];

fn close(answer: &Value, expected: Option<f64>) -> bool {
    match (answer.as_f64(), expected) {
        (Some(answer), Some(expected)) => (answer - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        (None, None) => answer.is_null(),
        _ => false,
    }
}

#[test]
fn answers_are_those_of_the_cells() {
    for number in 0..400 {
        let mut seed = Seed(number);
        let rows = rows(&mut seed);
        let memory = Memory::default().with("x.csv", csv(&mut seed, &rows));
        let function = seed.pick(&FUNCTIONS);
        let (filter, passes) = FILTERS[seed.below(FILTERS.len())];
        let kept: Vec<&Row> = rows.iter().filter(|row| passes(row)).collect();
        if seed.below(3) == 0 {
            let question = format!("{function}{filter}");
            let found = answer(&memory, &question, "x.csv");
            let expected = aggregate(function, &kept);
            assert!(close(&found, expected), "seed {number}, “{question}”: {found}, expected {expected:?}");
            continue;
        }
        let question = format!("{function} by group name{filter}");
        let found = answer(&memory, &question, "x.csv");
        let mut groups: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
        for row in kept {
            groups.entry(row.group.clone().unwrap_or_else(|| "(missing)".to_owned())).or_default().push(row);
        }
        let found = found.as_object().unwrap();
        assert_eq!(found.len(), groups.len(), "seed {number}, “{question}”");
        for (group, rows) in groups {
            let expected = aggregate(function, &rows);
            assert!(close(&found[&group], expected), "seed {number}, “{question}”, {group}: {found:?}, {expected:?}");
        }
    }
}

#[test]
fn rankings_and_lists_are_in_order() {
    for number in 0..200 {
        let mut seed = Seed(1_000 + number);
        let rows = rows(&mut seed);
        let memory = Memory::default().with("x.csv", csv(&mut seed, &rows));
        let limit = 1 + seed.below(5);
        let found = answer(
            &memory,
            &format!("list number where number is present sorted by number descending limit {limit}"),
            "x.csv",
        );
        let mut expected: Vec<f64> = rows.iter().filter_map(|row| row.number).collect();
        expected.sort_by(|left, right| right.total_cmp(left));
        expected.truncate(limit);
        let listed: Vec<f64> =
            found.as_array().unwrap().iter().map(|row| row["Number"].as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(listed, expected, "seed {number}");

        let found = answer(&memory, &format!("top {limit} group name by max number where number is present"), "x.csv");
        let mut best: BTreeMap<Option<&str>, f64> = BTreeMap::new();
        for (group, number) in rows.iter().filter_map(|row| Some((row.group.as_deref(), row.number?))) {
            let known = best.entry(group).or_insert(number);
            *known = known.max(number);
        }
        let mut expected: Vec<f64> = best.into_values().collect();
        expected.sort_by(|left, right| right.total_cmp(left));
        expected.truncate(limit);
        let ranked: Vec<f64> =
            found.as_array().unwrap().iter().map(|row| row["max Number"].as_f64().unwrap()).collect();
        assert_eq!(ranked, expected, "seed {number}");
    }
}
