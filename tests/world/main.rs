//! Contact with the world: clients, vendors, files, networks and people that nobody here wrote. Each module is named by
//! what it holds; `docs/reference/reports.md` says which public report each test keeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backup;
mod commands;
mod contents;
mod damage;
mod doors;
mod fairness;
mod http;
mod names;
mod once;
mod options;
mod outage;
mod people;
mod providers;
mod proxies;
mod refusals;
mod revocation;
mod supervisor;
