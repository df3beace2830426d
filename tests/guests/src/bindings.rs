//! Bindings of the contract, one module for each role. Generated: nothing here is documented item by item.
#![allow(missing_docs, unreachable_pub, unsafe_op_in_unsafe_fn, clippy::all)]

pub mod provider {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "provider-component",
        pub_export_macro: true,
        default_bindings_module: "guests::bindings::provider",
    });
}

pub mod validator {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "validator-component",
        pub_export_macro: true,
        export_macro_name: "export_validator",
        default_bindings_module: "guests::bindings::validator",
    });
}

pub mod auth {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "auth-component",
        pub_export_macro: true,
        export_macro_name: "export_auth",
        default_bindings_module: "guests::bindings::auth",
    });
}

pub mod tracker {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "tracker-component",
        pub_export_macro: true,
        export_macro_name: "export_tracker",
        default_bindings_module: "guests::bindings::tracker",
    });
}
