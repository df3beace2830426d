//! Generated from the contract in `wit/validator.wit`.
#![allow(missing_docs, unreachable_pub, clippy::all)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "validator-component",
    additional_derives: [PartialEq, Eq],
});
