//! What a guest's store holds.

use crate::waist::{Meter, Waist};

/// The data of an agent's or a capability's store.
#[derive(Debug)]
pub struct Guest {
    /// Its way out.
    pub waist: Waist,
    /// Its memory limits.
    pub meter: Meter,
}
