//! Every suite that shares a process: each binary of its own links the sandbox again, and has its own tail in which one
//! test keeps all cores waiting. What is a process's own (limits, peak memory) is in binaries beside this one.

mod accounts;
mod cancel;
mod conformance;
mod copies;
mod hostile;
mod live_swap;
mod path_allowlist;
mod references;
mod routing;
mod swap;
mod tracker;
mod upkeep;
mod upload;
mod vendors;
