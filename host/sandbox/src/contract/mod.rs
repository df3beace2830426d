//! Adapters between the public contract and the internal model, one module per WIT version. They convert and decide
//! nothing: every check works on the model, so that a new version cannot bring a hole of its own.

pub(crate) mod v0_1;
pub(crate) mod v0_1_coordination;
pub(crate) mod v0_1_tracker;
