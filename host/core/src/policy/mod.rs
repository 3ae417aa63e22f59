//! Policy: what a grant allows, decided on facts and on nothing else.
//!
//! Deny is the default, and a grant can only add. A decision names its rule; a denial also names the manifest line
//! that would allow it, as narrow as the grammar can say, or says that no line could.
//!
//! Invariants:
//! * Grants are read with the lens' own parsers, so that both sides of a comparison are normal in the same way.
//! * A grant that can match nothing is an error when it is read, with what to write instead.
//! * A name that resolves to a private address is never dialled ([`may_dial`]): only a grant that spells the address
//!   itself, or `localhost`, reaches inside.
//! * What a capability claims of its own effects can be raised by the operator and lowered by nobody.

mod capability;
mod decision;
mod denial;
mod directory;
mod effects;
mod egress;
mod grants;
mod http;
mod least;

pub use capability::{CapabilityGrant, CapabilityGrantError, OnUnknown};
pub use decision::Decision;
pub use denial::{denial_message, denied_value};
pub use directory::{DirectoryAccess, DirectoryGrant, DirectoryGrantError};
pub use effects::EffectClaims;
pub use egress::{is_public, may_dial, vet_addresses};
pub use grants::{Grants, distinct_directories, variable_names};
pub use http::{HttpGrant, HttpGrantError};
pub use least::Least;
