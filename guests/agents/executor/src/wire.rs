//! A plan in the table interface's own types.

use csv_lang::ast::{Comparison, Function, Literal, Test};
use csv_lang::plan::{Plan, Shape};
use table_client::wit;

/// Translates, and changes nothing.
#[must_use]
pub fn plan(plan: &Plan) -> wit::Plan {
    let shape = match &plan.shape {
        Shape::Rows { columns } => wit::Shape::Rows(columns.clone()),
        Shape::Summary { groups, measures } => wit::Shape::Summary(wit::Summary {
            groups: groups.clone(),
            aggregates: measures
                .iter()
                .map(|measure| wit::Aggregate { function: function(measure.function), column: measure.column })
                .collect(),
        }),
    };
    let condition = |condition: &csv_lang::plan::Condition| wit::Condition {
        column: condition.column,
        test: test(&condition.test),
    };
    wit::Plan {
        shape,
        filter: plan.filter.iter().map(|all_of| all_of.iter().map(condition).collect()).collect(),
        order: plan.order.iter().map(|key| wit::SortKey { output: key.output, descending: key.descending }).collect(),
        limit: plan.limit,
    }
}

const fn function(function: Function) -> wit::Function {
    match function {
        Function::Count => wit::Function::Count,
        Function::Distinct => wit::Function::Distinct,
        Function::Sum => wit::Function::Sum,
        Function::Mean => wit::Function::Mean,
        Function::Min => wit::Function::Min,
        Function::Max => wit::Function::Max,
        Function::Median => wit::Function::Median,
    }
}

fn test(test: &Test) -> wit::Test {
    match test {
        Test::Missing => wit::Test::Missing,
        Test::Present => wit::Test::Present,
        Test::Compare(comparison, to) => {
            wit::Test::Compare(wit::Compare { comparison: compare(*comparison), to: literal(to) })
        }
        Test::Between(from, to) => wit::Test::Between((literal(from), literal(to))),
        Test::OneOf(values) => wit::Test::OneOf(values.iter().map(literal).collect()),
    }
}

const fn compare(comparison: Comparison) -> wit::Comparison {
    match comparison {
        Comparison::Equal => wit::Comparison::Equal,
        Comparison::NotEqual => wit::Comparison::NotEqual,
        Comparison::Less => wit::Comparison::Less,
        Comparison::AtMost => wit::Comparison::AtMost,
        Comparison::Greater => wit::Comparison::Greater,
        Comparison::AtLeast => wit::Comparison::AtLeast,
        Comparison::Contains => wit::Comparison::Contains,
        Comparison::NotContains => wit::Comparison::NotContains,
    }
}

fn literal(literal: &Literal) -> wit::Literal {
    match literal {
        Literal::Number(number) => wit::Literal::Number(*number),
        Literal::Text(text) => wit::Literal::Text(text.clone()),
    }
}
