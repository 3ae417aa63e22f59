//! What nearly every agent uses: `use manes_sdk::prelude::*;`.

pub use crate::{Agent, Draft, Event, Failure, Handled, Info, Input, context, done, emit, log, reject, retry};
pub use serde::{Deserialize, Serialize};
