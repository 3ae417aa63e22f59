//! Who implements what whom was granted. Pure: the same parts are wired in the same way, whatever order they came in.

use super::HostError;
use crate::component::{Interface, Loaded};
use crate::deploy;
use crate::nearest;
use manes_core::policy::Grants;
use std::collections::{BTreeMap, BTreeSet};

/// An agent or a capability, with what it was granted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) name: &'a str,
    pub(super) loaded: &'a Loaded,
    pub(super) grants: &'a Grants,
}

/// How parts are wired.
#[derive(Debug, Default)]
pub(super) struct Wiring {
    /// Capabilities that can work, each after those that it uses.
    pub(super) ready: Vec<String>,
    /// Who implements what was granted, by part and interface; only those that can work.
    pub(super) providers: BTreeMap<String, BTreeMap<String, String>>,
    /// Interfaces that a part waits for.
    pub(super) waits: BTreeMap<String, Vec<String>>,
}

/// Wires capabilities and agents.
///
/// # Errors
/// A grant that can match nothing. An interface that two capabilities implement: which one is meant must not depend
/// on their names. A type that does not fit. Capabilities that wait for each other.
pub(super) fn wire(capabilities: &[Part<'_>], agents: &[Part<'_>]) -> Result<Wiring, HostError> {
    let mut wanted = BTreeMap::new();
    for part in capabilities.iter().chain(agents) {
        check_imported(part)?;
        wanted.insert(part.name.to_owned(), exporters(part, capabilities)?);
    }
    let mut wiring = Wiring::default();
    let can = |name: &str, ready: &BTreeSet<&str>| {
        let exporters: Option<&BTreeMap<String, Option<String>>> = wanted.get(name);
        exporters.is_none_or(|all| all.values().all(|by| by.as_deref().is_some_and(|by| ready.contains(by))))
    };
    let mut ready: BTreeSet<&str> = BTreeSet::new();
    loop {
        let left = capabilities.iter().map(|part| part.name).filter(|name| !ready.contains(name));
        let next: Vec<&str> = left.filter(|name| can(name, &ready)).collect();
        if next.is_empty() {
            break;
        }
        wiring.ready.extend(next.iter().map(|name| (*name).to_owned()));
        ready.extend(next);
    }
    for (name, exporters) in &wanted {
        let provided = exporters.iter().filter_map(|(id, by)| by.as_deref().map(|by| (id, by)));
        let provided = provided.filter(|(_, by)| ready.contains(by)).map(|(id, by)| (id.clone(), by.to_owned()));
        let provided: BTreeMap<String, String> = provided.collect();
        let absent: Vec<String> = exporters.keys().filter(|id| !provided.contains_key(*id)).cloned().collect();
        if !absent.is_empty() {
            wiring.waits.insert(name.clone(), absent);
        }
        wiring.providers.insert(name.clone(), provided);
    }
    check_rings(capabilities, &wanted, &ready)?;
    Ok(wiring)
}

/// Who exports each interface that the part imports and was granted; `None` where nobody does.
fn exporters(part: &Part<'_>, capabilities: &[Part<'_>]) -> Result<BTreeMap<String, Option<String>>, HostError> {
    let mut found = BTreeMap::new();
    for id in part.loaded.foreign_imports().map(Interface::id).filter(|id| part.grants.grants_interface(id)) {
        let exports = |other: &&Part<'_>| other.name != part.name && other.loaded.exports.contains_key(&id);
        let mut exporters = capabilities.iter().filter(exports);
        let provider = exporters.next();
        if let (Some(one), Some(other)) = (provider, exporters.next()) {
            let (one, other) = (one.name.to_owned(), other.name.to_owned());
            return Err(HostError::Ambiguous { interface: id, one, other });
        }
        if let Some(provider) = provider {
            if let Some(what) = deploy::mismatch(part.loaded, &id, (part.name, provider.name), provider.loaded) {
                return Err(HostError::Mismatch { agent: part.name.to_owned(), what });
            }
            check_effects(part, &id, provider.loaded)?;
        }
        found.insert(id, provider.map(|provider| provider.name.to_owned()));
    }
    Ok(found)
}

/// What waits although everything it waits for is loaded waits for ever.
fn check_rings(
    capabilities: &[Part<'_>],
    wanted: &BTreeMap<String, BTreeMap<String, Option<String>>>,
    ready: &BTreeSet<&str>,
) -> Result<(), HostError> {
    let mut stuck: BTreeSet<&str> = capabilities.iter().map(|part| part.name).collect();
    stuck.retain(|name| !ready.contains(name));
    // Whoever waits for somebody who is not loaded may still be helped, and so may those who wait for it.
    loop {
        let helped: Vec<&str> = stuck
            .iter()
            .filter(|name| {
                let missing = wanted
                    .get(**name)
                    .into_iter()
                    .flat_map(BTreeMap::values)
                    .filter(|by| by.as_deref().is_none_or(|by| !ready.contains(by) && !stuck.contains(by)));
                missing.count() > 0
            })
            .copied()
            .collect();
        if helped.is_empty() {
            break;
        }
        stuck.retain(|name| !helped.contains(name));
    }
    match stuck.is_empty() {
        true => Ok(()),
        false => Err(HostError::Ring { names: stuck.into_iter().collect::<Vec<_>>().join(", ") }),
    }
}

/// A grant of what the component does not import grants nothing: a slip of the pen, whose denial would come later.
pub(super) fn check_imported(part: &Part<'_>) -> Result<(), HostError> {
    let imports: Vec<String> = part.loaded.foreign_imports().map(Interface::id).collect();
    let unused = part.grants.capabilities.iter().find(|grant| !imports.iter().any(|import| grant.matches(import)));
    let Some(grant) = unused else { return Ok(()) };
    let (name, interface) = (part.name.to_owned(), grant.interface().to_owned());
    let hint = nearest::hint(&interface, imports.iter().map(String::as_str));
    let known = if imports.is_empty() { "nothing that a capability provides".to_owned() } else { imports.join(", ") };
    Err(HostError::Unimported { name, interface, hint, known })
}

/// So does an effect of a function that the interface does not have.
fn check_effects(part: &Part<'_>, interface: &str, provider: &Loaded) -> Result<(), HostError> {
    let Some(offered) = provider.exports.get(interface) else { return Ok(()) };
    let functions: Vec<&str> = offered.functions.keys().map(String::as_str).collect();
    for grant in part.grants.capabilities.iter().filter(|grant| grant.matches(interface)) {
        let Some(function) = grant.misnamed(&functions).first().copied() else { continue };
        // As a grant names them: `[method]rows.next` is `rows.next`.
        let plain = |function: &&'_ str| function.split_once(']').map_or(*function, |(_, plain)| plain).to_owned();
        let known: Vec<String> = functions.iter().map(plain).collect();
        return Err(HostError::Misnamed {
            name: part.name.to_owned(),
            interface: interface.to_owned(),
            function: function.to_owned(),
            hint: nearest::hint(function, known.iter().map(String::as_str)),
            known: known.join(", "),
        });
    }
    Ok(())
}
