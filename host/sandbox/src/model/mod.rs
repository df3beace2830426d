//! What roles speak: the types of the contract, whatever its version. Those that decisions are made on are policy's.

pub(crate) mod auth;
pub(crate) mod batches;
pub(crate) mod coordination;
pub(crate) mod provider;
pub(crate) mod tracker;
pub(crate) mod validator;
