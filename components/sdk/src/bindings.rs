//! Generated from the contract in `wit/provider.wit`; every item is documented there.
#![allow(missing_docs, unreachable_pub, unsafe_op_in_unsafe_fn, clippy::all)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "provider-component",
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    export_macro_name: "export_provider_world",
    default_bindings_module: "loadlock_sdk::bindings",
});
