//! Generated from the contract in `wit/auth.wit`.
#![allow(missing_docs, unreachable_pub, clippy::all)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "auth-component",
    additional_derives: [PartialEq, Eq],
});
