//! Every production of the README's grammar, on a table small enough to compute by hand.

use super::analyst::Analyst;
use serde_json::{Value, json};

/// Prices add up to 28 over six rows, amounts to 27 over six.
const SALES: &str = "\
city,product,price,amount,day
Oslo,tea,3,10,2024-01-05
Bern,tea,4,,2024-02-01
Oslo,coffee,5.5,2,2024-01-20
Rome,coffee,NA,7,2023-12-31
Bern,tea,2.5,1,2024-03-15
,milk,1,4,2024-01-05
Rome,\"Earl Grey, loose\",12,3,2023-11-11
";

fn check(questions: Vec<(&str, Value)>) {
    let analyst = Analyst::new();
    analyst.file("sales.csv", SALES);
    let asked = questions.len();
    for (question, expected) in questions {
        assert_eq!(analyst.answer(question, "sales.csv"), expected, "“{question}”");
    }
    assert_eq!(analyst.replayed(), 6 * asked, "six agents for each question, each replayed");
}

#[test]
fn values_are_computed_whatever_words_ask_for_them() {
    check(vec![
        ("count", json!(7)),
        ("how many rows", json!(7)),
        ("how many records are there?", json!(7)),
        ("number of observations", json!(7)),
        ("count of rows", json!(7)),
        ("how many sales are there", json!(7)),
        ("count price", json!(6)),
        ("count of city", json!(6)),
        ("what is the sum of price?", json!(28)),
        ("total price", json!(28)),
        ("please calculate the mean of amount", json!(4.5)),
        ("average amount", json!(4.5)),
        ("avg amount", json!(4.5)),
        ("median price", json!(3.5)),
        ("min price", json!(1)),
        ("smallest price", json!(1)),
        ("lowest price", json!(1)),
        ("max price", json!(12)),
        ("highest price", json!(12)),
        ("biggest price", json!(12)),
        ("longest price", json!(12)),
        ("how many distinct city", json!(3)),
        ("number of unique product", json!(4)),
        ("count different product", json!(4)),
        ("SHOW ME THE MEDIAN OF PRICE", json!(3.5)),
    ]);
}

#[test]
fn several_values_share_functions_and_columns() {
    check(vec![
        ("min and max of price", json!({ "min price": 1, "max price": 12 })),
        ("sum of price and amount", json!({ "sum price": 28, "sum amount": 27 })),
        ("sum of price, mean of amount", json!({ "sum price": 28, "mean amount": 4.5 })),
        (
            "count, min, median and max of amount",
            json!({ "count amount": 6, "min amount": 1, "median amount": 3.5, "max amount": 10 }),
        ),
        (
            "min and max of price by city",
            json!({
                "Oslo": { "min price": 3, "max price": 5.5 }, "Bern": { "min price": 2.5, "max price": 4 },
                "Rome": { "min price": 12, "max price": 12 }, "(missing)": { "min price": 1, "max price": 1 },
            }),
        ),
    ]);
}

#[test]
fn groups_may_be_asked_for_in_every_way() {
    let sums = json!({ "Oslo": 8.5, "Bern": 6.5, "Rome": 12, "(missing)": 1 });
    check(vec![
        ("sum price by city", sums.clone()),
        ("sum price per city", sums.clone()),
        ("sum price for each city", sums.clone()),
        ("sum price grouped by city", sums),
        ("count by product", json!({ "tea": 3, "coffee": 2, "milk": 1, "Earl Grey, loose": 1 })),
        ("how many distinct product by city", json!({ "Bern": 1, "Oslo": 2, "Rome": 2, "(missing)": 1 })),
        ("max price by amount", json!({ "1": 2.5, "2": 5.5, "3": 12, "4": 1, "7": null, "10": 3, "(missing)": 4 })),
        (
            "sum price by city, product",
            json!([
                { "city": "Bern", "product": "tea", "sum price": 6.5 },
                { "city": "Oslo", "product": "coffee", "sum price": 5.5 },
                { "city": "Oslo", "product": "tea", "sum price": 3 },
                { "city": "Rome", "product": "Earl Grey, loose", "sum price": 12 },
                { "city": "Rome", "product": "coffee", "sum price": null },
                { "city": null, "product": "milk", "sum price": 1 },
            ]),
        ),
    ]);
}

#[test]
fn every_condition_means_what_it_says() {
    check(vec![
        ("sum price where city = Oslo", json!(8.5)),
        ("sum price where city is oslo", json!(8.5)),
        ("sum price with city = 'OSLO'", json!(8.5)),
        ("sum price whose city is Oslo", json!(8.5)),
        ("count rows where city != Oslo", json!(4)),
        ("count rows where city is not Oslo", json!(4)),
        ("count rows where city is Oslo or Rome", json!(4)),
        ("count rows where city is one of Oslo, Rome", json!(4)),
        ("count rows where city in Oslo, Rome", json!(4)),
        ("count rows where price < 3", json!(2)),
        ("count rows where price <= 3", json!(3)),
        ("count rows where price > 3", json!(3)),
        ("count rows where price >= 3", json!(4)),
        ("count rows where price = 3", json!(1)),
        ("count rows where price != 3", json!(5)),
        ("count rows where price is less than 3", json!(2)),
        ("count rows where price is less than or equal to 3", json!(3)),
        ("count rows where price is more than 3", json!(3)),
        ("count rows where price is greater than or equal to 3", json!(4)),
        ("count rows where price at least 4", json!(3)),
        ("count rows where price at most 2.5", json!(2)),
        ("count rows where price over 5.5", json!(1)),
        ("count rows where price under 2.5", json!(1)),
        ("count rows where day before 2024-01-05", json!(2)),
        ("count rows where day after 2024-01-05", json!(3)),
        ("count rows where product contains EA", json!(4)),
        ("count rows where product does not contain ea", json!(3)),
        ("count rows where price between 2.5 and 4", json!(3)),
        ("count rows where price is between 2.5 and 4", json!(3)),
        ("count rows where city is missing", json!(1)),
        ("count rows where amount is empty", json!(1)),
        ("count rows where price is null", json!(1)),
        ("count rows where price is not missing", json!(6)),
        ("count rows where product is \"Earl Grey, loose\"", json!(1)),
    ]);
}

#[test]
fn and_binds_tighter_than_or_and_missing_passes_nothing_but_missing() {
    check(vec![
        ("count rows where city = Oslo or city = Bern and price > 3", json!(3)),
        ("count rows where price > 3 and city = Bern or city = Oslo", json!(3)),
        ("count rows where price > 3 and city = Bern or price < 3 and amount > 1", json!(2)),
        ("count rows where city != Nowhere", json!(6)),
        ("count rows where price < 100 or price >= 100", json!(6)),
        ("count rows where price < 100 or price is missing", json!(7)),
    ]);
}

#[test]
fn rankings_name_the_best_groups_and_rows() {
    let best = json!([{ "city": "Rome", "mean price": 12 }, { "city": "Oslo", "mean price": 4.25 }]);
    check(vec![
        ("which product has the highest price", json!([{ "product": "Earl Grey, loose", "max price": 12 }])),
        ("what city has the largest mean price", json!([{ "city": "Rome", "mean price": 12 }])),
        ("which 2 city have the largest mean price", best.clone()),
        ("top 2 city by mean price", best.clone()),
        ("mean price by city top 2", best),
        ("which product has the most rows", json!([{ "product": "tea", "count": 3 }])),
        ("which product has the smallest mean price", json!([{ "product": "milk", "mean price": 1 }])),
        ("bottom 1 product by sum amount", json!([{ "product": "Earl Grey, loose", "sum amount": 3 }])),
        (
            "which city, product has the largest sum price",
            json!([{ "city": "Rome", "product": "Earl Grey, loose", "sum price": 12 }]),
        ),
        // Ties go by the group's own cells, the missing one last.
        (
            "which 3 city have the most rows",
            json!([{ "city": "Bern", "count": 2 }, { "city": "Oslo", "count": 2 }, { "city": "Rome", "count": 2 }]),
        ),
        ("top 2 price", json!([{ "price": "12" }, { "price": "5.5" }])),
        ("bottom 2 city by price", json!([{ "city": null, "price": "1" }, { "city": "Bern", "price": "2.5" }])),
    ]);
}

#[test]
fn lists_keep_cells_as_they_stand_in_the_file() {
    check(vec![
        (
            "list city, price where price >= 4 sorted by price descending limit 2",
            json!([{ "city": "Rome", "price": "12" }, { "city": "Oslo", "price": "5.5" }]),
        ),
        (
            "select product where price >= 5 ordered by price smallest first",
            json!([{ "product": "coffee", "price": "5.5" }, { "product": "Earl Grey, loose", "price": "12" }]),
        ),
        (
            "list product sorted by price largest first limit 1",
            json!([{ "product": "Earl Grey, loose", "price": "12" }]),
        ),
        (
            "show rows first 1",
            json!([{ "city": "Oslo", "product": "tea", "price": "3", "amount": "10", "day": "2024-01-05" }]),
        ),
        (
            "top 1 rows by amount",
            json!([{ "city": "Oslo", "product": "tea", "price": "3", "amount": "10", "day": "2024-01-05" }]),
        ),
        ("list city where city is missing", json!([{ "city": null }])),
        // Missing comes last in either direction, and ties keep the file's order.
        (
            "list city, amount sorted by city, amount descending",
            json!([
                { "city": "Bern", "amount": "1" }, { "city": "Bern", "amount": null }, { "city": "Oslo", "amount": "10" },
                { "city": "Oslo", "amount": "2" }, { "city": "Rome", "amount": "7" }, { "city": "Rome", "amount": "3" },
                { "city": null, "amount": "4" },
            ]),
        ),
        (
            "list price sorted by price descending limit 7",
            json!([
                { "price": "12" }, { "price": "5.5" }, { "price": "4" }, { "price": "3" }, { "price": "2.5" }, { "price": "1" }, { "price": null },
            ]),
        ),
    ]);
}

#[test]
fn groups_can_be_sorted_and_cut() {
    check(vec![
        (
            "mean price by city sorted by city descending",
            json!([
                { "city": "Rome", "mean price": 12 }, { "city": "Oslo", "mean price": 4.25 }, { "city": "Bern", "mean price": 3.25 }, { "city": null, "mean price": 1 },
            ]),
        ),
        (
            "mean price by city sorted by value limit 2",
            json!([{ "city": null, "mean price": 1 }, { "city": "Bern", "mean price": 3.25 }]),
        ),
        (
            "mean price and sum amount by city bottom 2 by sum amount",
            json!([
                { "city": "Bern", "mean price": 3.25, "sum amount": 1 }, { "city": null, "mean price": 1, "sum amount": 4 },
            ]),
        ),
    ]);
}

#[test]
fn nothing_to_compute_is_null_and_never_zero_or_an_error() {
    check(vec![
        ("mean price where city = Nowhere", json!(null)),
        ("sum price where city = Nowhere", json!(null)),
        ("median price where city = Nowhere", json!(null)),
        ("count rows where city = Nowhere", json!(0)),
        ("sum price by city where city = Nowhere", json!({})),
        ("list city where city = Nowhere", json!([])),
    ]);
}

#[test]
fn an_answer_says_what_it_read_used_and_skipped() {
    let analyst = Analyst::new();
    analyst.file("sales.csv", SALES);
    let told = |question: &str| {
        let data = analyst.answered(question, "sales.csv");
        ["rows_read", "rows_used", "rows_skipped"].map(|field| data[field].as_u64().expect("a count"))
    };
    assert_eq!(told("mean price"), [7, 6, 1]);
    assert_eq!(told("mean price where city is Rome"), [7, 1, 1]);
    assert_eq!(told("mean price, sum amount"), [7, 7, 0]);
    assert_eq!(told("how many rows"), [7, 7, 0]);
    let data = analyst.answered("mean of Prices by CITY", "sales.csv");
    assert_eq!(data["columns"], json!(["city", "price"]));
    assert!(data["notes"].to_string().contains("Prices"), "a name that was guessed leaves a note: {data}");
}

#[test]
fn what_is_not_understood_is_refused_and_never_guessed() {
    let analyst = Analyst::new();
    analyst.file("sales.csv", SALES);
    for (question, stage, words) in [
        ("", "perceptor", vec!["empty"]),
        ("will it rain?", "perceptor", vec!["what to compute"]),
        ("mean price by city and then some", "proposer", vec![]),
        ("mean price sideways", "proposer", vec!["price sideways"]),
        ("mean price where (city = Oslo)", "perceptor", vec![]),
        ("mean price where city", "perceptor", vec!["city"]),
        ("mean price limit none", "proposer", vec!["price limit none"]),
        ("how many cold teas", "proposer", vec!["cold teas", "where COLUMN is"]),
        ("mean weight", "proposer", vec!["weight", "city, product, price, amount and day"]),
        ("mean product", "safety", vec!["needs numbers"]),
        ("mean price top 2", "decomposer", vec!["by COLUMN"]),
        ("mean price by city limit 0", "decomposer", vec!["limit of 0"]),
        ("list rows limit 1001", "safety", vec!["1001", "1000", "rows_max"]),
    ] {
        let reply = analyst.ask(question, "sales.csv");
        assert_eq!(reply.topic, "csv.rejected", "“{question}”: {}", reply.data);
        if !words.is_empty() {
            analyst.refused(question, "sales.csv", stage, &words);
        }
    }
    analyst.refused(&"mean price ".repeat(400), "sales.csv", "perceptor", &["4400", "4096"]);
    let grammar = analyst.ask("will it rain?", "sales.csv").data["understands"].to_string();
    assert!(
        grammar.contains("QUESTION") && grammar.contains("CONDITION"),
        "a refusal shows what is understood: {grammar}"
    );
}

#[test]
fn every_example_of_the_readme_has_an_answer() {
    let readme = std::fs::read_to_string(crate::cli::desk::repository().join("examples/csv-analysis/README.md"))
        .expect("the README");
    let listed =
        readme.split("Some that work on the penguins:").nth(1).and_then(|rest| rest.split("Rules behind").next());
    let questions: Vec<_> = listed.expect("the list").lines().filter_map(|line| line.strip_prefix("- ")).collect();
    assert!(questions.len() >= 8, "{questions:?}");
    let analyst = Analyst::new();
    for question in &questions {
        assert!(!analyst.answer(question, "penguins.csv").is_null(), "“{question}”");
    }
    assert_eq!(analyst.replayed(), 6 * questions.len());
}
