//! `loadlock component rollback`.

use super::show::said;
use super::swapping_args::Rollback;
use crate::cli::args::Globals;
use crate::cli::asked::Asked;
use crate::cli::context::{configuration, patiently};
use crate::cli::failure::{Failure, Status};
use crate::cli::output::Output;
use crate::cli::turn::Wish;

pub(super) async fn run(globals: &Globals, output: &Output, command: Rollback) -> Result<Status, Failure> {
    let gateway = Asked::take(configuration(globals)?, Wish::Change, globals, output).await?;
    let going_back = gateway.roll_back(&command.name, command.accept);
    said(output, &patiently(output, "preparing the component", going_back).await?)
}
