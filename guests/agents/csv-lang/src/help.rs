//! The language in brief, for those whose question was not understood. The long form is the example's README.

/// The forms of the language, one a line.
pub const GRAMMAR: [&str; 11] = [
    "QUESTION: VALUE {, VALUE} {CLAUSE} | which [N] COLUMN has the largest|smallest VALUE {CLAUSE} | top|bottom N COLUMN by VALUE | list COLUMN {, COLUMN} {CLAUSE}",
    "VALUE: FUNCTION [of] COLUMN | how many rows | how many distinct COLUMN | count",
    "FUNCTION: count, sum (total), mean (average), min, max, median; several share a column: min and max of COLUMN",
    "CLAUSE: by COLUMN {, COLUMN} | where CONDITION {and|or CONDITION} | sorted by KEY [descending] | top N | bottom N | limit N",
    "CONDITION: COLUMN = != < <= > >= VALUE | is [not] VALUE | is one of A, B or C | contains TEXT | between A and B | is [not] missing",
    "KEY: value | VALUE | COLUMN",
    "`and` binds tighter than `or`; there are no brackets around conditions",
    "names: any case, spaces or underscores; “body mass” finds body_mass_g if no other column starts so",
    "quotes: 'a name or text with keywords in it'; quoted numbers are text",
    "rows: “rows”, “records”, or the file's own name, as penguins in penguins.csv",
    "missing cells: empty, NA, N/A, n/a, NaN, nan, NULL, null",
];

/// Questions that parse, whatever the file.
pub const EXAMPLES: [&str; 8] = [
    "mean body_mass_g by species?",
    "what is the average body mass by species and sex?",
    "how many penguins per island where sex is female",
    "which species has the largest mean flipper_length_mm?",
    "min, median and max of bill_length_mm where island is Dream or Biscoe",
    "top 3 species by mean body_mass_g",
    "count rows where sex is missing or body_mass_g between 3000 and 3500",
    "list species, island, body_mass_g where body_mass_g >= 6000 sorted by body_mass_g descending limit 5",
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_example_parses_and_decomposes() {
        for example in super::EXAMPLES {
            let question = crate::parse(example).unwrap_or_else(|reason| panic!("{example}: {reason}"));
            crate::steps::decompose(&question).unwrap_or_else(|reason| panic!("{example}: {reason}"));
        }
    }
}
