//! Capabilities: interfaces that other components provide, through the same waist as everything else.
//!
//! Goal: values and resources cross unchanged; each agent has an instance of its own; a capability has only its own
//! grants; what it claims of itself is recorded, raised by the operator and lowered by nobody; versions match when they
//! are compatible and are refused with both types when they are not. Method: the `echo` and `echo-two` fixtures, and
//! copies of them with another version number.

mod blame;
mod claims;
pub(crate) mod grants;
mod hotload;
mod loads;
pub(crate) mod values;
mod versions;

use manes_tests::TestHost;

/// The `script` agent with the `echo` capability. What is added next is the capability's.
fn with_echo() -> TestHost {
    TestHost::script().uses("fixture:echo/echo").capability("echo", "echo")
}
