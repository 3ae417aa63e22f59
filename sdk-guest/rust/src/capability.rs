//! What the author of a capability needs besides their own interface.
//!
//! A capability crate generates bindings for a world of its own, which exports its interface, and adds the
//! common export with [`crate::capability!`]. Logging and settings are the same as in an agent.

use crate::Effect;

/// The effects of a capability's functions.
///
/// ```
/// use manes_sdk::{Capability, Effect};
///
/// struct Clock;
/// impl Capability for Clock {
///     const EFFECTS: &[(&str, Effect)] = &[("clock.now", Effect::Read), ("clock.set", Effect::Write)];
/// }
/// manes_sdk::capability!(Clock);
/// ```
pub trait Capability {
    /// `interface.function` or `interface.*`. What is not named counts as a write. The host records the claim;
    /// an operator can raise it, nobody can lower it.
    const EFFECTS: &'static [(&'static str, Effect)];
}

/// The body of the export `effects`.
#[doc(hidden)]
#[must_use]
pub fn effects<C: Capability>() -> Vec<(String, Effect)> {
    C::EFFECTS.iter().map(|&(name, effect)| (name.to_owned(), effect)).collect()
}

/// Exports `manes:agent/capability` for a type that implements [`Capability`]. Once per crate; the crate exports
/// its own interface with its own bindings.
#[macro_export]
macro_rules! capability {
    ($capability:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::bindings::provider::exports::manes::agent::capability::Guest for Component {
                fn effects() -> Vec<(String, $crate::Effect)> {
                    $crate::effects::<$capability>()
                }
            }

    $crate::bindings::provider::export_provider!(Component with_types_in $crate::bindings::provider);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Store;
    impl Capability for Store {
        const EFFECTS: &'static [(&'static str, Effect)] = &[("store.get", Effect::Read), ("store.*", Effect::Write)];
    }
    crate::capability!(Store);

    #[test]
    fn effects_are_listed_as_claimed() {
        let listed = effects::<Store>();
        assert_eq!(listed.len(), 2);
        assert!(matches!(&listed[0], (name, Effect::Read) if name == "store.get"));
    }
}
