//! Steps and a real header → a plan by column positions.
//!
//! Invariant: every reading of a word that is not the header's own spelling leaves a note in the plan.

use crate::ast::{Function, Key, Literal, Measure as Asked, Name, OrderBy, Target, Test};
use crate::names;
use crate::parser::is_word_for_rows;
use crate::plan::{Column, Condition, Kind, Measure, Plan, Shape, SortKey};
use crate::steps::Step;

/// Rows that a list shows if the question sets no limit.
pub const LIST_ROWS_DEFAULT: u32 = 100;

/// Binds steps to a header.
///
/// # Errors
///
/// If a name fits no column or several, or a value cannot be compared with its column.
pub fn bind(steps: &[Step], file: &str, header: &[Column]) -> Result<Plan, String> {
    let mut binder = Binder { file, header, notes: Vec::new() };
    let (mut filter, mut groups, mut order, mut limit) = (Vec::new(), Vec::new(), Vec::new(), None);
    let mut shape = None;
    for step in steps {
        match step {
            Step::Filter { any_of } => filter = binder.filter(any_of)?,
            Step::Group { by } => groups = binder.columns(by)?,
            Step::Compute { measures } => {
                let measures = binder.measures(measures, &groups)?;
                shape = Some(Shape::Summary { groups: std::mem::take(&mut groups), measures });
            }
            Step::List { columns } => shape = Some(Shape::Rows { columns: binder.listed(columns)? }),
            Step::Order { by } => {
                for key in by {
                    order.push(binder.sort_key(key, shape.as_mut())?);
                }
            }
            Step::Limit { rows } => limit = Some(*rows),
        }
    }
    let shape = shape.ok_or("the steps compute nothing and list nothing")?;
    if matches!(shape, Shape::Rows { .. }) && limit.is_none() {
        limit = Some(LIST_ROWS_DEFAULT);
        binder.notes.push(format!("at most {LIST_ROWS_DEFAULT} rows are listed; add “limit N” for more"));
    }
    let mut plan = Plan { columns: Vec::new(), shape, filter, order, limit, notes: binder.notes };
    let reads = plan.reads();
    plan.columns = header.iter().filter(|column| reads.contains(&column.index)).cloned().collect();
    Ok(plan)
}

struct Binder<'a> {
    file: &'a str,
    header: &'a [Column],
    notes: Vec<String>,
}

impl Binder<'_> {
    fn column(&mut self, name: &Name) -> Result<u32, String> {
        let found = names::find(name, self.header)?;
        if found.guessed {
            let note = format!("read “{name}” as column {}", self.name_of(found.index));
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        Ok(found.index)
    }

    fn at(&self, index: u32) -> Option<&Column> {
        self.header.iter().find(|column| column.index == index)
    }

    fn name_of(&self, index: u32) -> &str {
        self.at(index).map_or("?", |column| column.name.as_str())
    }

    fn columns(&mut self, names: &[Name]) -> Result<Vec<u32>, String> {
        let mut out = Vec::new();
        for name in names {
            let index = self.column(name)?;
            if !out.contains(&index) {
                out.push(index);
            }
        }
        Ok(out)
    }

    /// Columns of a list; "penguins" in a file of that name means all of them.
    fn listed(&mut self, names: &[Name]) -> Result<Vec<u32>, String> {
        let whole = |name: &Name| {
            !name.quoted && !names::is_column(name, self.header) && is_word_for_rows(&name.text, self.file)
        };
        if names.is_empty() || names.iter().any(whole) {
            Ok(self.header.iter().map(|column| column.index).collect())
        } else {
            self.columns(names)
        }
    }

    fn measures(&mut self, asked: &[Asked], groups: &[u32]) -> Result<Vec<Measure>, String> {
        let mut out: Vec<Measure> = Vec::new();
        for measure in asked {
            let column = self.target(measure)?;
            if out.iter().any(|known| known.function == measure.function && known.column == column) {
                continue;
            }
            let mut label = match column {
                Some(index) => format!("{} {}", measure.function, self.name_of(index)),
                None => measure.function.to_string(),
            };
            // A group column may be called "count".
            while groups.iter().any(|&group| self.name_of(group) == label) {
                label.push_str(" of rows");
            }
            out.push(Measure { function: measure.function, column, label });
        }
        Ok(out)
    }

    fn target(&mut self, measure: &Asked) -> Result<Option<u32>, String> {
        match &measure.target {
            Target::Rows => Ok(None),
            Target::Column(name) => self.column(name).map(Some),
            Target::Things(name) if !name.quoted && is_word_for_rows(&name.text, self.file) => Ok(None),
            Target::Things(name) => Err(self.not_rows(name)),
            Target::ThingsOrColumn(name) => {
                let rows = !name.quoted && is_word_for_rows(&name.text, self.file);
                if rows && !names::is_column(name, self.header) { Ok(None) } else { self.column(name).map(Some) }
            }
        }
    }

    fn not_rows(&self, name: &Name) -> String {
        match names::find(name, self.header) {
            Ok(found) => {
                let column = self.name_of(found.index);
                format!(
                    "“how many {name}” can mean two things, because {column} is a column: say “how many distinct \
                     {column}”, or “count rows where {column} is not missing”"
                )
            }
            Err(_) => format!(
                "“{name}” is neither a word for the rows of {} nor one of its columns: say “how many rows where COLUMN is …”",
                self.file
            ),
        }
    }

    fn filter(&mut self, any_of: &[Vec<crate::ast::Condition>]) -> Result<Vec<Vec<Condition>>, String> {
        let mut out = Vec::new();
        for all_of in any_of {
            let mut bound = Vec::new();
            for condition in all_of {
                let column = self.column(&condition.column)?;
                self.comparable(column, &condition.test)?;
                bound.push(Condition { column, test: condition.test.clone() });
            }
            out.push(bound);
        }
        Ok(out)
    }

    /// A text can be larger than a number only by mistake, as in "mass > 4000g".
    fn comparable(&mut self, index: u32, test: &Test) -> Result<(), String> {
        let Some(column) = self.at(index) else { return Ok(()) };
        let texts: Vec<&str> = match test {
            Test::Compare(comparison, Literal::Text(text)) if comparison.is_ordering() => vec![text],
            Test::Between(from, to) => [from, to].into_iter().filter_map(text_of).collect(),
            Test::Missing | Test::Present | Test::Compare(..) | Test::OneOf(_) => Vec::new(),
        };
        match (column.kind, texts.first()) {
            (Kind::Number, Some(text)) => Err(format!("{} holds numbers, and “{text}” is not one", column.name)),
            _ => {
                let number = matches!(test, Test::Compare(comparison, Literal::Number(_)) if comparison.is_ordering());
                if number && column.kind == Kind::Text {
                    self.notes.push(format!("the first records of {} hold no number to compare with", column.name));
                }
                Ok(())
            }
        }
    }

    fn sort_key(&mut self, by: &OrderBy, shape: Option<&mut Shape>) -> Result<SortKey, String> {
        let Some(shape) = shape else { return Err("an order comes before anything to sort".to_owned()) };
        let position = match (&by.key, &mut *shape) {
            (Key::First, Shape::Summary { groups, .. }) => groups.len(),
            (Key::First, Shape::Rows { .. }) => 0,
            (Key::Measure(asked), Shape::Summary { groups, measures }) => {
                let column = self.target(asked)?;
                let at = measures.iter().position(|known| known.function == asked.function && known.column == column);
                groups.len() + at.ok_or("the value to sort by is not computed")?
            }
            (Key::Measure(_), Shape::Rows { .. }) => return Err("rows can be sorted by columns only".to_owned()),
            (Key::Column(name), Shape::Rows { columns }) => {
                let index = self.column(name)?;
                columns.iter().position(|&shown| shown == index).unwrap_or_else(|| {
                    columns.push(index);
                    columns.len() - 1
                })
            }
            (Key::Column(name), Shape::Summary { groups, measures }) => self.summary_key(name, groups, measures)?,
        };
        let output = u32::try_from(position).map_err(|_| "too many columns".to_owned())?;
        Ok(SortKey { output, descending: by.descending })
    }

    fn summary_key(&mut self, name: &Name, groups: &[u32], measures: &[Measure]) -> Result<usize, String> {
        let index = self.column(name)?;
        if let Some(at) = groups.iter().position(|&group| group == index) {
            return Ok(at);
        }
        let mut of_column = measures.iter().enumerate().filter(|(_, measure)| measure.column == Some(index));
        match (of_column.next(), of_column.next()) {
            (Some((at, _)), None) => Ok(groups.len() + at),
            (Some((_, first)), Some((_, second))) => {
                Err(format!("sorting by “{name}” could mean “{}” or “{}”", first.label, second.label))
            }
            (None, _) => Err(format!(
                "the result cannot be sorted by “{name}”: it is neither grouped by it nor computed from it; say for \
                 example “sorted by {} {name}”",
                Function::Mean
            )),
        }
    }
}

const fn text_of(literal: &Literal) -> Option<&str> {
    match literal {
        Literal::Text(text) => Some(text.as_str()),
        Literal::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Vec<Column> {
        [("species", Kind::Text), ("island", Kind::Text), ("body_mass_g", Kind::Number), ("count", Kind::Number)]
            .into_iter()
            .zip(0..)
            .map(|((name, kind), index)| Column { index, name: name.to_owned(), kind })
            .collect()
    }

    fn plan(question: &str) -> Result<Plan, String> {
        let steps = crate::steps::decompose(&crate::parse(question).unwrap())?;
        bind(&steps, "penguins.csv", &header())
    }

    #[test]
    fn words_become_positions_with_notes() {
        let plan = plan("what is the average body mass by species?").unwrap();
        assert_eq!(plan.reads(), [0, 2]);
        assert_eq!(plan.header(), ["species", "mean body_mass_g"]);
        assert_eq!(plan.notes, ["read “body mass” as column body_mass_g"]);
    }

    #[test]
    fn nouns_have_to_name_the_rows() {
        assert_eq!(plan("how many penguins per island").unwrap().header(), ["island", "count"]);
        assert_eq!(plan("how many rows by count").unwrap().header(), ["count", "count of rows"]);
        assert!(plan("how many species").unwrap_err().contains("how many distinct species"));
        assert!(plan("how many females").unwrap_err().contains("how many rows where"));
        assert!(plan("how many female penguins").unwrap_err().contains("how many rows where"));
        assert_eq!(plan("count penguins").unwrap().header(), ["count"]);
        assert_eq!(plan("count body_mass_g").unwrap().header(), ["count body_mass_g"]);
    }

    #[test]
    fn order_keys_find_their_output() {
        let by = |question: &str| plan(question).map(|plan| plan.order);
        assert_eq!(by("mean body_mass_g by island sorted by island").unwrap()[0].output, 0);
        assert_eq!(by("mean body_mass_g by island sorted by body_mass_g").unwrap()[0].output, 1);
        assert_eq!(by("mean body_mass_g by island sorted by count").unwrap()[0].output, 2);
        assert!(by("min and max of body_mass_g by island sorted by body_mass_g").unwrap_err().contains("could mean"));
        assert!(by("mean body_mass_g by island sorted by species").unwrap_err().contains("neither grouped"));
    }

    #[test]
    fn lists_show_what_they_sort_by_and_have_a_limit() {
        let listed = plan("list species sorted by body_mass_g descending").unwrap();
        assert_eq!((listed.header(), listed.limit), (vec!["species".to_owned(), "body_mass_g".to_owned()], Some(100)));
        assert_eq!(plan("top 5 penguins by body_mass_g").unwrap().header().len(), 4);
    }

    #[test]
    fn a_text_is_not_larger_than_a_number() {
        assert!(plan("count rows where body_mass_g > 4000g").unwrap_err().contains("holds numbers"));
        assert!(plan("count rows where body_mass_g > 4000").is_ok());
    }
}
