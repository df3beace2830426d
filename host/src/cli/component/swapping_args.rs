//! What can be written after `loadlock component` to change what runs.

use clap::{Args, Subcommand};

use crate::cli::help::once;

/// Changing what runs.
#[derive(Debug, Subcommand)]
pub(crate) enum Swapping {
    /// Put another component in the place of a provider's, the validator's or the auth component's, while uploads run
    #[command(
        after_help = once("The component is read, verified, compiled, inspected, compared with the one that runs, and
probed. If its account, `verify`, `delete`, `treatment` or purposes were less than they are, or it answers no probe,
nothing changes unless --accept says so. Then new attempts go to it, and what is under way ends with the old one. If
too many of its first 20 calls trap, meet a limit, break the contract or give a receipt that does not fit, the old one
comes back by itself; not if what it keeps in its own directory has another version, or states none.

It stays over a restart, until the configuration names another component in that place. The tracker is not swapped: it
owns the ledger.

Examples:
  loadlock component swap kimi ./kimi-2.wasm
  loadlock component swap kimi builtin:kimi
  loadlock component update shelf && loadlock component swap shelf locked:shelf
  loadlock component swap validator builtin:validator")
    )]
    Swap(Swap),
    /// Go back to the component before
    #[command(
        after_help = once("The one that a swap, or a changed configuration, took away last. Its bytes are kept in the
home, whatever has become of the file since.

Examples:
  loadlock component rollback kimi
  loadlock component rollback providers.auth")
    )]
    Rollback(Rollback),
}

/// `loadlock component swap`.
#[derive(Debug, Args)]
pub(crate) struct Swap {
    /// A provider's name, `validator` or `auth`; `providers.NAME` is a provider whatever it is called
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The path of a component, `builtin:NAME`, or `locked:NAME`: what the lock names now
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// SHA-256 that it must have
    #[arg(long, value_name = "HEX")]
    pub(crate) sha256: Option<String>,
    /// Also if something is less than it was, or it answers no probe
    #[arg(long)]
    pub(crate) accept: bool,
}

/// `loadlock component rollback`.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// A provider's name, `validator` or `auth`; `providers.NAME` is a provider whatever it is called
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Also if something is less than it was, or what is kept may not be readable
    #[arg(long)]
    pub(crate) accept: bool,
}
