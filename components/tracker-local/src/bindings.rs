//! Generated from the contract in `wit/tracker.wit` and `wit/copies.wit`.
#![allow(missing_docs, unreachable_pub, clippy::all)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "copying-tracker-component",
    additional_derives: [PartialEq, Eq],
});
