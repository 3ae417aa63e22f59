//! The name that was probably meant.

/// The candidate with the fewest letters to change, if they are few for its length.
#[must_use]
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    let (changes, candidate) = distances.min()?;
    (changes <= 1 + word.chars().count().max(candidate.chars().count()) / 4).then_some(candidate)
}

/// `; did you mean NAME?`, or nothing.
#[must_use]
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// Levenshtein's.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for ((b, above), diagonal) in other.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(a != *b)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_another_word_finds_none() {
        let names = ["query", "scan", "columns"];
        assert_eq!(nearest("qury", names), Some("query"));
        assert_eq!(nearest("Columns", names), Some("columns"));
        assert_eq!(nearest("delete", names), None);
        assert_eq!(nearest("query", []), None);
        assert_eq!(nearest("manes:tabel/table", ["manes:table/table@0.1", "a:b/c@1"]), Some("manes:table/table@0.1"));
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(hint("tabl", ["table"]), "; did you mean table?");
    }
}
