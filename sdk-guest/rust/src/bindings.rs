//! What `wit-bindgen` makes of `wit/agent.wit`: one module per world.
//!
//! Invariant: nothing here is written by hand. A library that generates bindings describes only the imports
//! it uses; the exports enter a component through [`crate::agent!`] and [`crate::capability!`], so a crate may
//! link both worlds and export either.
#![allow(missing_docs, clippy::all, reason = "generated code")]

pub mod agent {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "agent",
        pub_export_macro: true,
        export_macro_name: "export_agent",
        default_bindings_module: "manes_sdk::bindings::agent",
    });
}

pub mod provider {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "provider",
        pub_export_macro: true,
        export_macro_name: "export_provider",
        default_bindings_module: "manes_sdk::bindings::provider",
        // One set of import bindings is enough; both worlds import the same two interfaces.
        with: {
            "manes:agent/log@0.1.0": crate::bindings::agent::manes::agent::log,
            "manes:agent/context@0.1.0": crate::bindings::agent::manes::agent::context,
        },
    });
}
