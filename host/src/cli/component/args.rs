//! What can be written after `loadlock component`.

use clap::Subcommand;

use super::authoring_args::Authoring;
use super::sharing_args::Sharing;
use super::swapping_args::Swapping;

/// `loadlock component`.
#[derive(Debug, Subcommand)]
pub(crate) enum Component {
    #[command(flatten)]
    Authoring(Authoring),
    #[command(flatten)]
    Sharing(Sharing),
    #[command(flatten)]
    Swapping(Swapping),
}
