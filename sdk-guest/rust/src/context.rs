//! What the operator and the host tell an agent besides the event.

/// A setting from the agent's `config` in the manifest.
#[must_use]
pub fn config(key: &str) -> Option<String> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::agent::manes::agent::context::config(key);
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::config(key);
}

/// Which attempt at this event this is: 1 for the first.
#[must_use]
pub fn attempt() -> u32 {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::agent::manes::agent::context::attempt();
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::attempt();
}
