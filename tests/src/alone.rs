//! A test in a process of its own: where memory is measured, or the environment matters.

use anyhow::{Result, ensure};
use std::process::Command;

/// Set in the process that is alone.
const ALONE: &str = "MANES_TESTS_ALONE";

/// True in the process that runs `test` alone. Elsewhere it starts that process, with `variables` added to its
/// environment, and passes on what it says.
///
/// # Errors
/// The test failed there, or was not found.
pub fn alone(test: &str, variables: &[(&str, &str)]) -> Result<bool> {
    if std::env::var_os(ALONE).is_some() {
        return Ok(true);
    }
    // Not by its path: a build may have put another binary there meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", test, "--nocapture"]).env(ALONE, "1").envs(variables.iter().copied());
    let output = command.output()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success() && out.contains("1 passed"), "{test} in a process of its own:\n{out}{err}");
    Ok(false)
}
