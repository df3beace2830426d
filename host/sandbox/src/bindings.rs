//! Host bindings of `wit/`, one module for each version of the contract. Nothing outside `contract` uses these types:
//! every check works on the internal model.

#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

/// All worlds of one version.
macro_rules! worlds {
    ($version:ident, $path:tt, $types:tt) => {
        pub mod $version {
            pub mod provider {
                wasmtime::component::bindgen!({
                    path: $path,
                    world: "provider-component",
                    exports: { default: async },
                });
            }

            pub mod tracker {
                wasmtime::component::bindgen!({
                    path: $path,
                    world: "tracker-component",
                    exports: { default: async },
                    with: { $types: crate::bindings::$version::provider::loadlock::upload::types },
                });
            }

            pub mod copies {
                wasmtime::component::bindgen!({
                    path: $path,
                    world: "copies-component",
                    exports: { default: async },
                    with: { $types: crate::bindings::$version::provider::loadlock::upload::types },
                });
            }

            pub mod validator {
                wasmtime::component::bindgen!({
                    path: $path,
                    world: "validator-component",
                    exports: { default: async },
                });
            }

            pub mod auth {
                wasmtime::component::bindgen!({
                    path: $path,
                    world: "auth-component",
                    exports: { default: async },
                });
            }

            pub mod shared_tracker {
                wasmtime::component::bindgen!({
                    path: $path,
                    world: "shared-tracker-component",
                    exports: { default: async },
                    with: { $types: crate::bindings::$version::provider::loadlock::upload::types },
                });
            }

            pub mod batching_tracker {
                wasmtime::component::bindgen!({
                    path: $path,
                    world: "batching-tracker-component",
                    exports: { default: async },
                    with: { $types: crate::bindings::$version::provider::loadlock::upload::types },
                });
            }
        }
    };
}

worlds!(v0_1, "../../wit/0.1", "loadlock:upload/types@0.1.0");
worlds!(v0_2, "../../wit", "loadlock:upload/types@0.2.0");
