//! Names as people write them and names as files have them.
//!
//! Invariant: a name binds to one column or to none. Where two would fit, the error lists both.

use crate::ast::Name;
use crate::plan::Column;

/// Columns named in a message at most.
const LISTED_MAX: usize = 20;

/// How a name was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Position in the header.
    pub index: u32,
    /// The words differ from the header's, so the reader should be told.
    pub guessed: bool,
}

/// Finds the column that a name means: exactly; then without regard to case, spaces, `_`, `-` and `.`; then as
/// singular or plural, as the first words or as some words of exactly one header.
///
/// # Errors
///
/// If no column fits or several do, with the candidates.
pub fn find(name: &Name, header: &[Column]) -> Result<Found, String> {
    let exactly = header.iter().find(|column| column.name == name.text);
    if let Some(column) = exactly {
        return Ok(Found { index: column.index, guessed: false });
    }
    if name.quoted {
        return Err(unknown(name, header));
    }
    let wanted = words(&name.text);
    type Fits = fn(&[String], &[String]) -> bool;
    let rules: [(Fits, bool); 4] = [
        (|wanted, column| wanted.concat() == column.concat(), false),
        (|wanted, column| same_noun(&wanted.concat(), &column.concat()), true),
        (|wanted, column| column.starts_with(wanted), true),
        (|wanted, column| wanted.iter().all(|word| column.contains(word)), true),
    ];
    if !wanted.is_empty() {
        for (fits, guessed) in rules {
            let found: Vec<&Column> = header.iter().filter(|column| fits(&wanted, &words(&column.name))).collect();
            match found.as_slice() {
                [] => {}
                [column] => return Ok(Found { index: column.index, guessed }),
                several => {
                    return Err(format!(
                        "“{name}” could be {}: write one of them, in quotes if it has spaces",
                        list(several.iter().map(|column| column.name.as_str()), "or"),
                    ));
                }
            }
        }
    }
    Err(unknown(name, header))
}

/// Whether a name is a column, without the message.
#[must_use]
pub fn is_column(name: &Name, header: &[Column]) -> bool {
    find(name, header).is_ok()
}

/// Whether two words are the same noun up to case, separators and a plural.
#[must_use]
pub fn same_noun(left: &str, right: &str) -> bool {
    let (left, right) = (words(left).concat(), words(right).concat());
    !left.is_empty() && (left == right || plural_of(&left, &right) || plural_of(&right, &left))
}

fn plural_of(plural: &str, singular: &str) -> bool {
    singular.len() > 1
        && (plural.strip_suffix('s') == Some(singular)
            || plural.strip_suffix("es") == Some(singular)
            || (plural.strip_suffix("ies").is_some() && plural.strip_suffix("ies") == singular.strip_suffix('y')))
}

/// Lower-case runs of letters and digits.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn unknown(name: &Name, header: &[Column]) -> String {
    let wanted = name.text.to_lowercase();
    let mut near: Vec<(usize, &str)> = header
        .iter()
        .map(|column| (distance(&wanted, &column.name.to_lowercase()), column.name.as_str()))
        .filter(|&(distance, _)| distance <= wanted.chars().count() / 3 + 1)
        .collect();
    near.sort_unstable();
    let hint = if near.is_empty() {
        format!("the columns are {}", list(header.iter().map(|column| column.name.as_str()), "and"))
    } else {
        format!("did you mean {}?", list(near.iter().take(3).map(|&(_, name)| name), "or"))
    };
    format!("there is no column “{name}”; {hint}")
}

/// "a, b or c", cut at [`LISTED_MAX`].
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>, conjunction: &str) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names.get(..LISTED_MAX).unwrap_or(&names);
    match shown.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, before)) if shown.len() == names.len() => format!("{} {conjunction} {last}", before.join(", ")),
        Some(_) => format!("{} and {} more", shown.join(", "), names.len() - shown.len()),
    }
}

/// Levenshtein distance in characters, of the first 64 of each: enough for a suggestion.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, l) in left.chars().take(64).enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        for (cell, &r) in row.iter_mut().skip(1).zip(&right) {
            let cost = diagonal + usize::from(l != r);
            diagonal = *cell;
            before = cost.min(before + 1).min(*cell + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Kind;

    fn header() -> Vec<Column> {
        ["species", "Island", "bill_length_mm", "bill_depth_mm", "body_mass_g", "Due Date"]
            .iter()
            .zip(0..)
            .map(|(name, index)| Column { index, name: (*name).to_owned(), kind: Kind::Text })
            .collect()
    }

    fn find_text(text: &str) -> Result<u32, String> {
        find(&Name { text: text.to_owned(), quoted: false }, &header()).map(|found| found.index)
    }

    #[test]
    fn names_bind_in_the_stated_order() {
        assert_eq!(find_text("species"), Ok(0));
        assert_eq!(find_text("ISLAND"), Ok(1));
        assert_eq!(find_text("islands"), Ok(1));
        assert_eq!(find_text("bill length mm"), Ok(2));
        assert_eq!(find_text("body mass"), Ok(4));
        assert_eq!(find_text("depth"), Ok(3));
        assert_eq!(find_text("due-date"), Ok(5));
    }

    #[test]
    fn doubt_is_an_error_with_candidates() {
        assert!(find_text("bill").unwrap_err().contains("bill_length_mm or bill_depth_mm"));
        assert!(find_text("specis").unwrap_err().contains("did you mean species?"));
        assert!(find_text("colour").unwrap_err().contains("the columns are species, Island"));
        assert!(find(&Name { text: "island".to_owned(), quoted: true }, &header()).is_err());
    }

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
