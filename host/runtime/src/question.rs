//! Asks a component what it says of itself, before it is anything to anybody. Its answer is a claim or a wish.

use crate::component::Loaded;
use crate::deploy::{CAPABILITY, HANDLER};
use crate::guest;
use crate::journal::{Journal, Subject};
use crate::provider::{Capabilities, Instanced, Mirror, Providers, Surroundings};
use crate::seams::Seams;
use crate::waist::{Scope, Waist};
use manes_core::cursor::{Cursor, Strictness};
use manes_core::function::FunctionId;
use manes_core::ids::{ActivationId, Digest, EventKey, FlowId};
use manes_core::limits::Limits;
use manes_core::policy::{EffectClaims, Grants};
use manes_core::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a capability says that its functions do: recorded, raised by the operator, lowered by nobody. Where it says
/// nothing, all it does is a write.
///
/// # Errors
/// As [`ask`].
pub(crate) async fn claims(loaded: &Arc<Loaded>, of: &Asker<'_>) -> Result<EffectClaims, String> {
    let claims =
        if loaded.exports.contains_key(CAPABILITY) { ask(loaded, of, CAPABILITY, "effects").await? } else { None };
    Ok(claims.as_ref().map(EffectClaims::from_value).unwrap_or_default())
}

/// What an agent says of itself, as `manes:agent/types.description`; nothing if it is no agent.
///
/// # Errors
/// As [`ask`].
pub(crate) async fn description(loaded: &Arc<Loaded>, of: &Asker<'_>) -> Result<Option<Value>, String> {
    if loaded.exports.contains_key(HANDLER) { ask(loaded, of, HANDLER, "describe").await } else { Ok(None) }
}

/// For whom it is asked.
pub(crate) struct Asker<'a> {
    /// What the component is called in messages.
    pub(crate) name: &'a str,
    /// For its clock, which nobody looks at.
    pub(crate) seams: &'a Seams,
    /// WASI, which answers nothing.
    pub(crate) mirror: &'a Arc<Mirror>,
}

/// Calls a function that takes nothing.
///
/// # Errors
/// A trap, or a call to anything: what a component says of itself must not depend on where it runs.
async fn ask(loaded: &Arc<Loaded>, of: &Asker<'_>, interface: &str, function: &str) -> Result<Option<Value>, String> {
    let Asker { name, seams, mirror } = *of;
    let subject = Subject {
        agent: name.to_owned(),
        flow: FlowId::default(),
        event: EventKey::default(),
        activation: ActivationId::default(),
        attempt: 0,
        cause: Digest::default(),
        deployment: Digest::default(),
        generation: 0,
    };
    // A journal that answers nothing: the question must be answered without asking anybody.
    let journal = Journal::replaying(subject, seams.clone(), Cursor::new(Vec::new(), Strictness::Exact));
    let scope = Scope::Capability { name: name.to_owned(), parent: 0, served: Digest::default() };
    let section = scope.section("");
    let surroundings = Surroundings {
        name: name.to_owned(),
        section,
        env: Vec::new(),
        config: BTreeMap::new(),
        attempt: 0,
        log_bytes_max: 0,
    };
    let (grants, limits) = (Arc::new(Grants::default()), Limits::default());
    let (mirror, none) = (mirror.clone(), Capabilities::new());
    let providers = Providers::new(surroundings, mirror, none, grants.clone(), journal.clone());
    let waist = Waist::new(scope, journal, providers, grants, limits.clone());
    let (store, instance) = guest::instantiate(loaded, waist, &limits).await.map_err(|error| error.to_string())?;
    let mut instance = Instanced::new(name, store, instance, Arc::new(loaded.exports.clone()));
    let function = FunctionId { interface: interface.to_owned(), name: function.to_owned() };
    instance.call(&function, 0, Vec::new()).await.map_err(|failure| format!("{failure:?}"))
}
