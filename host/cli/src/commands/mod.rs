//! One file for each command.

pub(crate) mod agents;
pub(crate) mod backup;
pub(crate) mod completion;
pub(crate) mod dead;
pub(crate) mod doctor;
pub(crate) mod flow;
pub(crate) mod flows;
pub(crate) mod grants;
pub(crate) mod inspect;
pub(crate) mod key;
pub(crate) mod load;
pub(crate) mod log;
pub(crate) mod new;
pub(crate) mod receipt;
pub(crate) mod reference;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod steer;
pub(crate) mod test;
pub(crate) mod up;
pub(crate) mod verify;
pub(crate) mod wit;
