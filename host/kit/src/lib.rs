//! What authors of components work with.
//!
//! [`project`] makes projects that build at once and builds them; [`conformance`] runs a component through everything
//! that the contract promises, in the real sandbox, with the author's vendor behind a proxy that fails on command.
//!
//! | module | one job |
//! |---|---|
//! | [`project`] | templates, recipes, the tools that they need |
//! | [`conformance`] | cases as data, for every role, and their report |

pub mod conformance;
pub mod project;
