//! Asks a capability what its functions do. Its answer is a claim: recorded, raised by the operator, lowered by nobody.

use crate::activation::Context;
use crate::component::Loaded;
use crate::deploy::CAPABILITY;
use crate::guest;
use crate::journal::{Journal, Subject};
use crate::provider::{Capabilities, Instanced, Providers, Surroundings};
use crate::waist::{Scope, Waist};
use manes_core::cursor::{Cursor, Strictness};
use manes_core::function::FunctionId;
use manes_core::ids::{ActivationId, Digest, EventKey, FlowId};
use manes_core::limits::Limits;
use manes_core::policy::{EffectClaims, Grants};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The claims of `loaded`; none if it makes none, and then all it does is a write.
///
/// # Errors
/// A trap, or a call to anything: what a component claims must not depend on where it runs.
pub(crate) async fn ask(loaded: &Arc<Loaded>, context: &Context, name: &str) -> Result<EffectClaims, String> {
    if !loaded.exports.contains_key(CAPABILITY) {
        return Ok(EffectClaims::default());
    }
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
    let journal = Journal::replaying(subject, context.seams.clone(), Cursor::new(Vec::new(), Strictness::Exact));
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
    let (mirror, none) = (context.mirror.clone(), Capabilities::new());
    let providers = Providers::new(surroundings, mirror, none, grants.clone(), journal.clone());
    let waist = Waist::new(scope, journal, providers, grants, limits.clone());
    let (store, instance) = guest::instantiate(loaded, waist, &limits).await.map_err(|error| error.to_string())?;
    let mut instance = Instanced::new(name, store, instance, Arc::new(loaded.exports.clone()));
    let function = FunctionId { interface: CAPABILITY.to_owned(), name: "effects".to_owned() };
    match instance.call(&function, 0, Vec::new()).await {
        Ok(Some(claims)) => Ok(EffectClaims::from_value(&claims)),
        Ok(None) => Ok(EffectClaims::default()),
        Err(failure) => Err(format!("{failure:?}")),
    }
}
