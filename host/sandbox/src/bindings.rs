//! Host bindings of `wit/`, version 0.1. Nothing outside `contract` uses these types: every check works on the internal
//! model.

#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

pub mod provider {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "provider-component",
        exports: { default: async },
    });
}

pub mod tracker {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "tracker-component",
        exports: { default: async },
        with: { "loadlock:upload/types@0.1.0": crate::bindings::provider::loadlock::upload::types },
    });
}

pub mod validator {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "validator-component",
        exports: { default: async },
    });
}

pub mod auth {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "auth-component",
        exports: { default: async },
    });
}

pub mod shared_tracker {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "shared-tracker-component",
        exports: { default: async },
        with: { "loadlock:upload/types@0.1.0": crate::bindings::provider::loadlock::upload::types },
    });
}

pub mod batching_tracker {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "batching-tracker-component",
        exports: { default: async },
        with: { "loadlock:upload/types@0.1.0": crate::bindings::provider::loadlock::upload::types },
    });
}
