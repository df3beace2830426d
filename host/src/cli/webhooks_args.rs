//! What `loadlock webhooks` is asked for.

use clap::Subcommand;

use super::help::once;

/// `loadlock webhooks`.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// List the receivers, and how many events wait for each
    #[command(after_help = once("Examples:
  loadlock webhooks ls
  loadlock webhooks ls --json | jq 'select(.breaker != \"closed\")'"))]
    Ls,
    /// List events that were given up
    #[command(after_help = once("An event is given up when its receiver has not taken it for two days, or answers 410.
The newest 1,000 of each receiver are kept, for 30 days.

Examples:
  loadlock webhooks dead-letters
  loadlock webhooks dead-letters --json | jq .last_error"))]
    DeadLetters,
    /// Send events again that were given up
    #[command(after_help = once("Examples:
  loadlock webhooks resend whk_1f0c2b3a4d5e_17
  loadlock webhooks resend --all"))]
    Resend {
        /// The dead letter, as `dead-letters` lists it
        #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// All of them
        #[arg(long)]
        all: bool,
    },
}
