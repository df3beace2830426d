//! `loadlock component swap`.

use loadlock::gateway::SwapRequest;
use loadlock::{Error, ErrorCode};

use super::show::said;
use super::swapping_args::Swap;
use crate::cli::args::Globals;
use crate::cli::asked::Asked;
use crate::cli::context::{configuration, patiently};
use crate::cli::failure::{Failure, Status};
use crate::cli::output::Output;
use crate::cli::turn::Wish;

pub(super) async fn run(globals: &Globals, output: &Output, command: Swap) -> Result<Status, Failure> {
    let request = SwapRequest {
        source: source_of(&command.source)?,
        sha256: command.sha256,
        accept: command.accept,
    };
    let gateway = Asked::take(configuration(globals)?, Wish::Change, globals, output).await?;
    let swapping = gateway.swap(&command.name, &request);
    said(output, &patiently(output, "preparing the component", swapping).await?)
}

/// As the gateway takes it, which works in another folder.
pub(super) fn source_of(written: &str) -> Result<String, Failure> {
    if written.starts_with("builtin:") || written.starts_with("locked:") {
        return Ok(written.to_owned());
    }
    let path = std::path::absolute(written)?;
    let path = path.into_os_string().into_string().map_err(|path| {
        let message = format!("{} is not UTF-8", path.display());
        Error::new(ErrorCode::RequestInvalid, message).hint("give the file another name")
    })?;
    Ok(path)
}
