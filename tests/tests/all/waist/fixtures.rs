//! Each component under `guests/fixtures` has its test; a new one without fails here.

use anyhow::{Result, ensure};
use manes_tests::components;

type Test = fn() -> Result<()>;

#[test]
fn every_fixture_has_its_test() -> Result<()> {
    // By path, so that a test that is gone is an error of the compiler.
    let tested: [(&str, Test); 4] = [
        ("echo", crate::capabilities::values::every_type_crosses_unchanged_there_and_back),
        ("echo-two", crate::capabilities::grants::a_capability_uses_another_one_under_its_own_grant),
        ("script", super::denial::a_text_error_says_the_manifest_line_that_would_allow_it),
        ("stock", super::stock::a_stock_component_runs_without_any_grant_and_replays),
    ];
    let there = components::fixtures()?;
    let names: Vec<&str> = tested.iter().map(|(name, _)| *name).collect();
    ensure!(there == names, "guests/fixtures has {there:?}, tests are named for {names:?}");
    for name in names {
        ensure!(!components::bytes(name)?.is_empty());
    }
    Ok(())
}
