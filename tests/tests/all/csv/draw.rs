//! Tables and questions from a seed: typed values first, then how they are written.

use super::oracle::{Cell, Function, Measure, Question, Table, Test, What};
use manes_tests::Seed;

/// Columns of every drawn table: two to group by, one text, two of numbers, one that mixes both.
const HEADERS: [&str; 6] = ["Region", "item_kind", "Remark Text", "Unit Price", "amount", "reading"];
const GROUPS: [usize; 2] = [0, 1];
const TEXTS: [usize; 3] = [0, 1, 2];
const NUMBERS: [usize; 3] = [3, 4, 5];
const REGIONS: [&str; 5] = ["North", "south-east", "Ünïcode", "two\nlines", "a, \"quoted\" one"];
const KINDS: [&str; 4] = ["red", "Green", "say \"blue\"", "x;y\tz"];
const REMARKS: [&str; 6] = ["ok", "Not OK", "see page 7", "ß and é", "'single'", "-"];

fn pick<'a, T>(seed: &mut Seed, list: &'a [T]) -> &'a T {
    seed.pick(list)
}

fn chance(seed: &mut Seed, one_in: usize) -> bool {
    seed.below(one_in) == 0
}

/// Eighths below 2¹¹: sums are exact in any order, so that only the division of a mean rounds.
fn number(seed: &mut Seed) -> f64 {
    (seed.below(20_001) as f64 - 10_000.0) / 8.0
}

/// A table of up to 70 rows.
pub(crate) fn table(seed: &mut Seed) -> Table {
    let rows = seed.below(71);
    let text = |seed: &mut Seed, list: &[&str]| {
        if chance(seed, 7) { Cell::Missing } else { Cell::Text((*pick(seed, list)).to_owned()) }
    };
    let value = |seed: &mut Seed| if chance(seed, 6) { Cell::Missing } else { Cell::Number(number(seed)) };
    let row = |seed: &mut Seed| {
        let texts = [text(seed, &REGIONS), text(seed, &KINDS), text(seed, &REMARKS)];
        let mixed = if chance(seed, 4) { Cell::Text("off the scale".to_owned()) } else { value(seed) };
        let numbers = [value(seed), value(seed), mixed];
        texts.into_iter().chain(numbers).collect()
    };
    let mut rows: Vec<Vec<Cell>> = (0..rows).map(|_| row(seed)).collect();
    // A column that holds nothing but text is refused where numbers are asked for; one number makes it mixed.
    if let Some(first) = rows.first_mut() {
        first[5] = Cell::Number(number(seed));
    }
    Table { headers: HEADERS.map(str::to_owned).to_vec(), rows }
}

/// The table as a file, with every freedom that CSV leaves.
pub(crate) fn written(seed: &mut Seed, table: &Table) -> String {
    let separator = *pick(seed, &[",", ",", ";", "\t"]);
    let end = *pick(seed, &["\n", "\r\n"]);
    let mut out = (*pick(seed, &["", "\u{feff}"])).to_owned();
    let headers: Vec<_> = table.headers.iter().map(|header| quoted_maybe(seed, header)).collect();
    out += &headers.join(separator);
    for row in &table.rows {
        out += end;
        if chance(seed, 12) {
            out += end;
        }
        let cells: Vec<_> = row.iter().map(|cell| cell_text(seed, cell)).collect();
        out += &cells.join(separator);
    }
    if chance(seed, 2) { out + end } else { out }
}

fn cell_text(seed: &mut Seed, cell: &Cell) -> String {
    match cell {
        Cell::Missing => (*pick(seed, &["", "NA", "n/a", "NaN", "null", "\"\"", "\"NULL\""])).to_owned(),
        Cell::Text(text) => quoted_maybe(seed, text),
        Cell::Number(number) => {
            let text = match seed.below(4) {
                0 => format!("{number:.3}"),
                1 => format!("{number:e}"),
                2 if *number >= 0.0 => format!("+{number}"),
                _ => number.to_string(),
            };
            quoted_maybe(seed, &text)
        }
    }
}

fn quoted_maybe(seed: &mut Seed, text: &str) -> String {
    let must = text.contains([',', ';', '\t', '"', '\n', '\r']);
    if must || chance(seed, 4) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// A question, and its words.
pub(crate) fn question(seed: &mut Seed) -> (Question, String) {
    let (what, before, after) = match seed.below(5) {
        0 => ranking(seed),
        1 => list(seed),
        _ => values(seed),
    };
    let (filter, condition) = filter(seed);
    let text = format!("{before}{condition}{after}");
    (Question { what, filter }, text)
}

fn values(seed: &mut Seed) -> (What, String, String) {
    let count = 1 + seed.below(3);
    let mut measures: Vec<Measure> = Vec::new();
    let mut words = Vec::new();
    while measures.len() < count {
        let (measure, text) = measure(seed);
        if !measures.contains(&measure) {
            measures.push(measure);
            words.push(text);
        }
    }
    let groups = match seed.below(4) {
        0 => vec![],
        1 => GROUPS.to_vec(),
        _ => vec![*pick(seed, &GROUPS)],
    };
    let named: Vec<_> = groups.iter().map(|column| name(seed, *column)).collect();
    let by = if groups.is_empty() {
        String::new()
    } else {
        format!(" {} {}", pick(seed, &["by", "per", "grouped by"]), named.join(", "))
    };
    let start = pick(seed, &["", "what is the ", "please calculate "]);
    (What::Values { measures, groups }, format!("{start}{}{by}", words.join(", ")), String::new())
}

fn measure(seed: &mut Seed) -> (Measure, String) {
    let (function, words): (_, &[&str]) = match seed.below(8) {
        0 => return (Measure::Rows, "count of rows".to_owned()),
        1 => (Function::Count, &["count of"]),
        2 => (Function::Distinct, &["number of distinct", "count unique"]),
        3 => (Function::Sum, &["sum of", "total"]),
        4 => (Function::Mean, &["mean", "average of"]),
        5 => (Function::Min, &["min", "smallest"]),
        6 => (Function::Max, &["max of", "largest"]),
        _ => (Function::Median, &["median", "median of"]),
    };
    // Cells of numbers are written in several ways, so what is distinct is asked of texts.
    let columns: &[usize] = if function == Function::Distinct { &TEXTS } else { &NUMBERS };
    let column = *pick(seed, columns);
    (Measure::Of(function, column), format!("{} {}", pick(seed, words), name(seed, column)))
}

fn ranking(seed: &mut Seed) -> (What, String, String) {
    let (measure, words) = measure(seed);
    let (groups, limit, descending) = (vec![*pick(seed, &GROUPS)], 1 + seed.below(4), chance(seed, 2));
    let which = if descending { "top" } else { "bottom" };
    let text = format!("{which} {limit} {} by {words}", name(seed, groups[0]));
    (What::Ranking { measure, groups, descending, limit }, text, String::new())
}

fn list(seed: &mut Seed) -> (What, String, String) {
    let mut columns = vec![*pick(seed, &[0, 1, 2, 3, 4, 5])];
    let second = *pick(seed, &[0, 1, 2, 3, 4, 5]);
    if !columns.contains(&second) {
        columns.push(second);
    }
    let (by, limit, descending) = (*pick(seed, &[0, 1, 2, 3, 4, 5]), 1 + seed.below(20), chance(seed, 2));
    let named: Vec<_> = columns.iter().map(|column| name(seed, *column)).collect();
    let direction = if descending {
        pick(seed, &["descending", "largest first"])
    } else {
        pick(seed, &["ascending", "smallest first"])
    };
    let after = format!(" sorted by {} {direction} limit {limit}", name(seed, by));
    (What::List { columns, by, descending, limit }, format!("list {}", named.join(", ")), after)
}

/// A column's name in one of the ways a person writes it.
fn name(seed: &mut Seed, column: usize) -> String {
    let header = HEADERS[column];
    match seed.below(4) {
        0 => format!("\"{header}\""),
        1 => format!("`{header}`"),
        2 => header.to_lowercase().replace(' ', "_"),
        _ => header.replace(' ', "_"),
    }
}

fn filter(seed: &mut Seed) -> (Vec<Vec<(usize, Test)>>, String) {
    let mut any = Vec::new();
    let mut words = Vec::new();
    for _ in 0..*pick(seed, &[0, 0, 1, 1, 1, 2]) {
        let (mut all, mut said) = (Vec::new(), Vec::new());
        for _ in 0..1 + seed.below(2) {
            let (column, test, text) = condition(seed);
            all.push((column, test));
            said.push(text);
        }
        any.push(all);
        words.push(said.join(" and "));
    }
    let text = if words.is_empty() { String::new() } else { format!(" where {}", words.join(" or ")) };
    (any, text)
}

fn condition(seed: &mut Seed) -> (usize, Test, String) {
    match seed.below(6) {
        0 => {
            let column = seed.below(6);
            let missing = chance(seed, 2);
            (
                column,
                Test::Missing(missing),
                format!("{} is {}missing", name(seed, column), if missing { "" } else { "not " }),
            )
        }
        1 | 2 => {
            let (column, to) = (*pick(seed, &NUMBERS), number(seed));
            let (operator, words) = *pick(
                seed,
                &[
                    ("=", "="),
                    ("!=", "!="),
                    ("<", "<"),
                    ("<=", "<="),
                    (">", ">"),
                    (">=", ">="),
                    ("<", "is less than"),
                    (">", "is more than"),
                    (">=", "at least"),
                    ("<=", "at most"),
                    (">", "over"),
                    ("<", "under"),
                ],
            );
            (column, Test::Number(operator, to), format!("{} {words} {to}", name(seed, column)))
        }
        3 => {
            let (column, low) = (*pick(seed, &NUMBERS), number(seed));
            let high = low + seed.below(800) as f64;
            (column, Test::Between(low, high), format!("{} between {low} and {high}", name(seed, column)))
        }
        4 => {
            let (column, list): (usize, &[&str]) =
                *pick(seed, &[(0, &REGIONS[..]), (1, &KINDS[..]), (2, &REMARKS[..])]);
            let wanted = chance(seed, 2);
            let text = (*pick(seed, list)).to_owned();
            let said = format!(
                "{} is {}\"{}\"",
                name(seed, column),
                if wanted { "" } else { "not " },
                cased(seed, &text).replace('"', "\"\"")
            );
            (column, Test::Is(wanted, vec![text]), said)
        }
        _ => {
            let (column, wanted) = (*pick(seed, &TEXTS), chance(seed, 2));
            let part = (*pick(seed, &["o", "re", "not", "7", ",", "é"])).to_owned();
            let said = format!(
                "{} {} '{}'",
                name(seed, column),
                if wanted { "contains" } else { "does not contain" },
                cased(seed, &part)
            );
            (column, Test::Contains(wanted, part), said)
        }
    }
}

/// ASCII letters in another case now and then: texts compare without regard to it.
fn cased(seed: &mut Seed, text: &str) -> String {
    if text.is_ascii() && chance(seed, 2) { text.to_uppercase() } else { text.to_owned() }
}
