//! Questions and their trees, and the promise that no input makes the parser panic.

use super::parse;
use crate::ast::{Comparison, End, Function, Key, Literal, Question, Target, Test, What};
use proptest::prelude::*;

fn ok(question: &str) -> Question {
    parse(question).unwrap_or_else(|reason| panic!("“{question}”: {reason}"))
}

fn measures(question: &str) -> Vec<(Function, String)> {
    let What::Measures(measures) = ok(question).what else { panic!("“{question}” lists rows") };
    measures
        .into_iter()
        .map(|measure| {
            let target = match measure.target {
                Target::Rows => "*".to_owned(),
                Target::Things(name) => format!("?{name}"),
                Target::ThingsOrColumn(name) => format!("~{name}"),
                Target::Column(name) => name.text,
            };
            (measure.function, target)
        })
        .collect()
}

fn groups(question: &str) -> Vec<String> {
    ok(question).group.into_iter().map(|name| name.text).collect()
}

fn filter(question: &str) -> Vec<Vec<(String, Test)>> {
    ok(question)
        .filter
        .into_iter()
        .map(|all| all.into_iter().map(|condition| (condition.column.text, condition.test)).collect())
        .collect()
}

fn text(text: &str) -> Literal {
    Literal::Text(text.to_owned())
}

#[test]
fn one_value_in_many_words() {
    for question in [
        "mean body mass by species",
        "Mean body mass by species?",
        "what is the average body mass by species?",
        "What's the mean of body mass per species",
        "please show me the avg of the body mass for each species",
        "mean(body mass) grouped by species",
        "calculate average body mass of each species in the data",
    ] {
        assert_eq!(measures(question), [(Function::Mean, "body mass".to_owned())], "{question}");
        assert_eq!(groups(question), ["species"], "{question}");
    }
}

#[test]
fn articles_may_be_columns() {
    assert_eq!(measures("mean a by the b"), [(Function::Mean, "a".to_owned())]);
    assert_eq!(groups("mean x by a"), ["a"]);
    assert_eq!(filter("count rows where a = 1")[0][0].0, "a");
    assert_eq!(groups("mean x by order date sorted by order date"), ["order date"]);
    assert!(matches!(ok("list a, the b").what, What::Rows(columns) if columns.len() == 2));
}

#[test]
fn several_values() {
    use Function::{Count, Max, Mean, Median, Min};
    let of = |list: &[(Function, &str)]| list.iter().map(|&(f, c)| (f, c.to_owned())).collect::<Vec<_>>();
    assert_eq!(measures("min, median and max of x by y"), of(&[(Min, "x"), (Median, "x"), (Max, "x")]));
    assert_eq!(measures("mean x and max y by z"), of(&[(Mean, "x"), (Max, "y")]));
    assert_eq!(measures("mean of x and y by z"), of(&[(Mean, "x"), (Mean, "y")]));
    assert_eq!(measures("mean x and count by z"), of(&[(Mean, "x"), (Count, "*")]));
    assert_eq!(measures("count, mean x by z"), of(&[(Count, "~x"), (Mean, "x")]));
}

#[test]
fn counting() {
    use Function::{Count, Distinct};
    for (question, function, target) in [
        ("how many penguins per island", Count, "?penguins"),
        ("how many rows are there?", Count, "*"),
        ("number of records by x", Count, "*"),
        ("count by x", Count, "*"),
        ("count(*) by x", Count, "*"),
        ("count penguins by x", Count, "~penguins"),
        ("how many distinct species are there", Distinct, "species"),
        ("count distinct species by island", Distinct, "species"),
        ("number of different values of species", Distinct, "species"),
        ("how many penguins have mass over 4000", Count, "?penguins"),
    ] {
        assert_eq!(measures(question), [(function, target.to_owned())], "{question}");
    }
}

#[test]
fn rankings() {
    let question = ok("which species has the largest mean flipper_length_mm?");
    assert_eq!(question.take.map(|take| (take.count, take.end)), Some((1, End::Top)));
    assert_eq!(measures("which species has the largest mean x"), [(Function::Mean, "x".to_owned())]);
    assert_eq!(measures("which 3 species have the lowest x"), [(Function::Min, "x".to_owned())]);
    assert_eq!(measures("what island has the most penguins"), [(Function::Count, "?penguins".to_owned())]);
    assert_eq!(measures("the species with the highest number of rows"), [(Function::Count, "*".to_owned())]);
    assert_eq!(groups("top 3 species and islands by mean x"), ["species", "islands"]);
    assert!(matches!(ok("top 5 rows by x").what, What::Rows(columns) if columns.is_empty()));
    assert!(matches!(ok("bottom 5 name by x").what, What::Rows(columns) if columns.len() == 2));
    assert!(matches!(ok("top 5 x").what, What::Rows(columns) if columns.len() == 1));
}

#[test]
fn conditions() {
    let compare = |comparison, literal| Test::Compare(comparison, literal);
    for (condition, test) in [
        ("= 5", compare(Comparison::Equal, Literal::Number(5.0))),
        ("is 5", compare(Comparison::Equal, Literal::Number(5.0))),
        ("is '5'", compare(Comparison::Equal, text("5"))),
        ("== Dream Land", compare(Comparison::Equal, text("Dream Land"))),
        ("is not female", compare(Comparison::NotEqual, text("female"))),
        ("isn't female", compare(Comparison::NotEqual, text("female"))),
        ("<> -1.5e3", compare(Comparison::NotEqual, Literal::Number(-1500.0))),
        ("is at least 4", compare(Comparison::AtLeast, Literal::Number(4.0))),
        ("is less than or equal to 4", compare(Comparison::AtMost, Literal::Number(4.0))),
        ("is not more than 4", compare(Comparison::AtMost, Literal::Number(4.0))),
        ("no less than 4", compare(Comparison::AtLeast, Literal::Number(4.0))),
        ("over 4", compare(Comparison::Greater, Literal::Number(4.0))),
        ("after 2024-01-01", compare(Comparison::Greater, text("2024-01-01"))),
        ("≤ 4", compare(Comparison::AtMost, Literal::Number(4.0))),
        ("contains 007", compare(Comparison::Contains, text("007"))),
        ("does not contain x", compare(Comparison::NotContains, text("x"))),
        ("is missing", Test::Missing),
        ("is not missing", Test::Present),
        ("is present", Test::Present),
        ("between 3 and 4", Test::Between(Literal::Number(3.0), Literal::Number(4.0))),
        ("is p or q", Test::OneOf(vec![text("p"), text("q")])),
        ("is one of x, y or z", Test::OneOf(vec![text("x"), text("y"), text("z")])),
        ("in (x, y)", Test::OneOf(vec![text("x"), text("y")])),
    ] {
        let question = format!("count rows where the c {condition}");
        assert_eq!(filter(&question), [[("c".to_owned(), test)]], "{question}");
    }
}

#[test]
fn conjunctions() {
    let shape = |question: &str| filter(question).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(shape("count rows where x > 1 and y < 2 or z = 3"), [2, 1]);
    assert_eq!(shape("count rows where x is Dream or Biscoe and y = 2"), [2]);
    assert_eq!(shape("count rows where x is Dream or y is Biscoe"), [1, 1]);
    assert_eq!(shape("count rows where x between 1 and 2 and y > 3 by z"), [2]);
    assert_eq!(shape("count rows where x is one of p, q or y is 3, top 3 by count"), [1, 1]);
}

#[test]
fn orders_and_limits() {
    let question = ok("mean x by y where z is 1 sorted by value descending limit 4");
    assert!(matches!(question.order.as_slice(), [by] if by.key == Key::First && by.descending));
    assert_eq!(question.take.map(|take| (take.count, take.end)), Some((4, End::First)));
    let question = ok("mean x by y, ordered by y, mean x largest first");
    assert_eq!(question.order.iter().map(|by| by.descending).collect::<Vec<_>>(), [false, true]);
    assert_eq!(ok("mean x by y and top three").take.map(|take| take.count), Some(3));
    assert!(ok("mean x by y descending").order[0].descending);
    assert!(ok("count rows by y top 2 by mean x").order[0].descending);
}

#[test]
fn lists() {
    let listed = |question: &str| match ok(question).what {
        What::Rows(columns) => columns.into_iter().map(|name| name.text).collect::<Vec<_>>(),
        What::Measures(_) => panic!("{question} is not a list"),
    };
    assert_eq!(listed("list species, body mass and \"by\" where x > 1"), ["species", "body mass", "by"]);
    assert!(listed("show all rows where x is missing").is_empty());
    assert!(listed("rows with x > 3").is_empty());
    assert_eq!(listed("list the first 3 species"), ["species"]);
}

#[test]
fn what_is_not_understood_is_said() {
    for (question, hint) in [
        ("", "empty"),
        ("hello there", "what to compute"),
        ("mean", "name of a column"),
        ("mean x by", "to group by"),
        ("mean x where y", "how “y” compares"),
        ("mean x where y >", "a value"),
        ("mean x by y limit to lots", "a number"),
        ("mean x where y between 1", "“and”"),
        ("mean x where y between 1 and z", "two numbers or two texts"),
        ("list x by y", "no grouping"),
        ("list distinct x", "count rows by"),
        ("which species has four legs", "largest, smallest"),
        ("mean x by y sorted by y sorted by x", "one order only"),
        ("mean x where a = 1 where b = 2", "one filter only"),
        ("mean 'x", "never closed"),
        ("mean x by y ) z", "or the end"),
    ] {
        let reason = parse(question).expect_err(question);
        assert!(reason.contains(hint), "“{question}”: {reason}");
    }
}

#[test]
fn trees_survive_json() {
    for question in crate::EXAMPLES {
        let tree = ok(question);
        let text = serde_json::to_string(&tree).unwrap();
        assert_eq!(serde_json::from_str::<Question>(&text).unwrap(), tree);
    }
}

/// Words of the language in any order: far more likely to reach deep code than random letters.
fn salad() -> impl Strategy<Value = String> {
    const WORDS: &str = "mean count how many rows number of distinct x y body_mass by per for each where is not missing \
        between 1 and or 2.5 , ( ) = != < >= 'q' \"\" sorted descending top bottom limit 3 which has the largest most \
        list show all one in contains at least than first ' “ ” \u{0} é ? .";
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    prop::collection::vec(prop::sample::select(words), 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_panics(question in any::<String>()) {
        let _ = parse(&question);
    }

    #[test]
    fn no_salad_panics_and_what_parses_survives_json(question in salad()) {
        if let Ok(tree) = parse(&question) {
            let text = serde_json::to_string(&tree).unwrap();
            prop_assert_eq!(serde_json::from_str::<Question>(&text).unwrap(), tree.clone());
            let _ = crate::steps::decompose(&tree);
        }
    }
}
