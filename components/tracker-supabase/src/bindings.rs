//! Generated from the contract in `wit/tracker.wit`, `wit/coordination.wit`, `wit/batches.wit` and
//! `wit/copies.wit`.
#![allow(missing_docs, unreachable_pub, clippy::all)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "copying-batching-tracker-component",
    additional_derives: [PartialEq, Eq],
    with: { "loadlock:upload/types@0.2.0": loadlock_sdk::bindings::loadlock::upload::types },
});
