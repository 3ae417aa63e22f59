//! The policy: what a plan may contain, and the settings that say so.

use std::str::FromStr;

use csv_lang::ast::Function;
use csv_lang::payload::Proposed;
use csv_lang::plan::{Kind, Plan, Shape};

/// Limits on plans. Each field is a key of the agent's `config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Functions that may be used.
    pub functions: Vec<String>,
    /// Endings that a file name may have.
    pub file_suffixes: Vec<String>,
    /// Rows that a list or a ranking may ask for.
    pub rows_max: u32,
    /// Columns to group by.
    pub group_columns_max: u32,
    /// Values to compute.
    pub measures_max: u32,
    /// Conditions in all.
    pub conditions_max: u32,
}

impl Policy {
    /// Reads the settings; what is not set has the value shown in the example's manifest.
    ///
    /// # Errors
    ///
    /// If a setting is not of its form: the operator's mistake, so no plan passes until it is mended.
    pub fn from_config(config: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let words = |key: &str, default: &str| -> Vec<String> {
            config(key).unwrap_or_else(|| default.to_owned()).split_whitespace().map(str::to_owned).collect()
        };
        let number = |key: &str, default: u32| -> Result<u32, String> {
            let Some(text) = config(key) else { return Ok(default) };
            u32::from_str(text.trim())
                .map_err(|_| format!("config `{key}` of the safety agent has to be a whole number, not “{text}”"))
        };
        let policy = Self {
            functions: words("functions", "count distinct sum mean min max median"),
            file_suffixes: words("file_suffixes", ".csv .tsv .txt"),
            rows_max: number("rows_max", 1_000)?,
            group_columns_max: number("group_columns_max", 4)?,
            measures_max: number("measures_max", 8)?,
            conditions_max: number("conditions_max", 16)?,
        };
        match policy.functions.iter().find(|word| !Function::ALL.iter().any(|known| known.word() == *word)) {
            Some(unknown) => {
                Err(format!("config `functions` of the safety agent names “{unknown}”, which is no function"))
            }
            None => Ok(policy),
        }
    }

    /// The checks that a plan passed, in words.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks, and what to do.
    pub fn check(&self, proposed: &Proposed) -> Result<Vec<String>, String> {
        let plan = &proposed.plan;
        let rules = [
            self.file(&proposed.case.asked.file),
            consistent(plan),
            self.measures(plan),
            numeric(plan),
            self.sizes(plan),
        ];
        rules.into_iter().collect()
    }

    fn file(&self, file: &str) -> Result<String, String> {
        let odd = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
        if file.is_empty() || file.starts_with('.') || file.contains(odd) || file.len() > 255 {
            return Err(format!(
                "“{}” is not a plain file name: name a file in the granted folder, without a path",
                file.escape_debug()
            ));
        }
        let lower = file.to_lowercase();
        if !self.file_suffixes.iter().any(|suffix| lower.ends_with(&suffix.to_lowercase())) {
            return Err(format!(
                "“{file}” does not end with one of {} (config `file_suffixes`)",
                self.file_suffixes.join(" ")
            ));
        }
        Ok("the file is a plain name".to_owned())
    }

    fn measures(&self, plan: &Plan) -> Result<String, String> {
        let Shape::Summary { measures, .. } = &plan.shape else { return Ok("nothing is computed".to_owned()) };
        for measure in measures {
            if !self.functions.iter().any(|word| word == measure.function.word()) {
                return Err(format!(
                    "“{}” is not among the permitted functions {} (config `functions`)",
                    measure.function,
                    self.functions.join(" ")
                ));
            }
            if measure.column.is_none() && measure.function != Function::Count {
                return Err(format!("“{}” needs a column", measure.function));
            }
        }
        Ok("all functions are permitted".to_owned())
    }

    fn sizes(&self, plan: &Plan) -> Result<String, String> {
        let within = |what: &str, count: usize, max: u32, key: &str| {
            if count as u64 <= u64::from(max) {
                Ok(())
            } else {
                Err(format!("the plan has {count} {what}, the policy allows {max} (config `{key}`)"))
            }
        };
        let conditions = plan.filter.iter().map(Vec::len).sum();
        within("conditions", conditions, self.conditions_max, "conditions_max")?;
        if let Shape::Summary { groups, measures } = &plan.shape {
            within("group columns", groups.len(), self.group_columns_max, "group_columns_max")?;
            within("values", measures.len(), self.measures_max, "measures_max")?;
        }
        match (plan.limit, &plan.shape) {
            (None, Shape::Rows { .. }) => return Err("a list of rows needs a limit".to_owned()),
            (None, Shape::Summary { .. }) => {}
            (Some(limit), _) => within("rows as its limit", limit as usize, self.rows_max, "rows_max")?,
        }
        Ok("sizes are within limits".to_owned())
    }
}

/// Positions point at something, so that what is checked by name is what will be read.
fn consistent(plan: &Plan) -> Result<String, String> {
    if let Some(index) = plan.reads().into_iter().find(|&index| plan.column(index).is_none()) {
        return Err(format!("the plan reads column {index} without naming it"));
    }
    let outputs = plan.header().len();
    if outputs == 0 || plan.order.iter().any(|key| key.output as usize >= outputs) {
        return Err(format!("the plan sorts by a column that its result of {outputs} columns does not have"));
    }
    Ok("every position has a name".to_owned())
}

/// Functions of numbers go to columns with numbers, as far as the first records tell.
fn numeric(plan: &Plan) -> Result<String, String> {
    let Shape::Summary { measures, .. } = &plan.shape else { return Ok("no numbers are needed".to_owned()) };
    for measure in measures.iter().filter(|measure| measure.function.wants_numbers()) {
        let column = measure.column.and_then(|index| plan.column(index));
        if let Some(column) = column.filter(|column| column.kind == Kind::Text) {
            return Err(format!(
                "“{}” needs numbers, and {} holds text; ask for “count rows by {}” or “count distinct {}”",
                measure.function, column.name, column.name, column.name
            ));
        }
    }
    Ok("functions of numbers have columns of numbers".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use csv_lang::bind::bind;
    use csv_lang::payload::{Asked, Case};
    use csv_lang::plan::Column;

    fn proposed(question: &str, file: &str) -> Proposed {
        let steps = csv_lang::steps::decompose(&csv_lang::parse(question).unwrap()).unwrap();
        let header: Vec<Column> = [("species", Kind::Text), ("mass", Kind::Number)]
            .into_iter()
            .zip(0..)
            .map(|((name, kind), index)| Column { index, name: name.to_owned(), kind })
            .collect();
        let plan = bind(&steps, file, &header).unwrap();
        let asked = Asked { question: question.to_owned(), file: file.to_owned() };
        Proposed { case: Case { asked, attempt: 1, steps }, plan }
    }

    fn check(question: &str, settings: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let config = |key: &str| settings.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
        Policy::from_config(config).unwrap().check(&proposed(question, "x.csv"))
    }

    #[test]
    fn an_ordinary_plan_passes_every_check() {
        assert_eq!(check("mean mass by species", &[]).unwrap().len(), 5);
    }

    #[test]
    fn file_names_are_plain() {
        let policy = Policy::from_config(|_| None).unwrap();
        for file in ["", "../x.csv", "/etc/x.csv", "a\\b.csv", ".x.csv", "c:x.csv", "x\0.csv", "x.csv\n", "passwd"] {
            assert!(policy.check(&proposed("count rows", file)).is_err(), "{file:?}");
        }
        assert!(policy.check(&proposed("count rows", "My data.CSV")).is_ok());
    }

    #[test]
    fn each_setting_is_a_rule() {
        for (question, key, value) in [
            ("median mass", "functions", "count mean"),
            ("count rows", "file_suffixes", ".tsv"),
            ("count by species limit 11", "rows_max", "10"),
            ("count by species, mass", "group_columns_max", "1"),
            ("mean and max mass", "measures_max", "1"),
            ("count rows where mass > 1 or mass < 0", "conditions_max", "1"),
        ] {
            assert!(check(question, &[]).is_ok(), "{question}");
            let refusal = check(question, &[(key, value)]).unwrap_err();
            assert!(refusal.contains(&format!("(config `{key}`)")), "{question} with {key} = {value}: {refusal}");
        }
    }

    #[test]
    fn texts_have_no_mean() {
        assert!(check("mean species", &[]).unwrap_err().contains("needs numbers"));
        assert!(check("count distinct species", &[]).is_ok());
    }

    #[test]
    fn what_the_proposer_claims_is_checked() {
        let policy = Policy::from_config(|_| None).unwrap();
        let mut unnamed = proposed("mean mass", "x.csv");
        unnamed.plan.columns.clear();
        assert!(policy.check(&unnamed).unwrap_err().contains("without naming it"));
        let mut endless = proposed("list species", "x.csv");
        endless.plan.limit = None;
        assert!(policy.check(&endless).unwrap_err().contains("needs a limit"));
    }

    #[test]
    fn a_wrong_setting_stops_everything() {
        let reason = Policy::from_config(|key| (key == "rows_max").then(|| "many".to_owned())).unwrap_err();
        assert!(reason.contains("rows_max") && reason.contains("many"));
        assert!(Policy::from_config(|key| (key == "functions").then(|| "mode".to_owned())).is_err());
    }
}
