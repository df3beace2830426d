//! Options of every command.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// What holds for any command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Globals {
    /// Configuration file [default: `LOADLOCK_CONFIG`, else loadlock/loadlock.toml in the platform's configuration
    /// directory]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// State directory [default: `LOADLOCK_HOME`, else `home` of the configuration, else the platform's data directory]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) home: Option<PathBuf>,
    /// Print one JSON object a line on standard output, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Fail at once while another command changes something at the same home, instead of waiting for it
    #[arg(long, global = true)]
    pub(crate) no_wait: bool,
    /// Log decisions to standard error (`LOADLOCK_LOG` takes a filter)
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Print no progress and no notes; of what succeeds, only the ids
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}
