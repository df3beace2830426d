//! `loadlock route`: where a file would go and why.

use std::path::Path;

use loadlock::gateway::RouteView;
use loadlock::{Source, UploadRequest};

use super::args::{Globals, Route};
use super::asked::Asked;
use super::context::{configuration, known_provider};
use super::failure::{Failure, Status};
use super::output::{About, BAD, BOLD, DIM, GOOD, Output, styled};
use super::text::{pad, safe, size};
use super::turn::Wish;
use super::upload::{advised, target};

pub(crate) async fn run(globals: &Globals, output: &Output, command: Route) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    known_provider(&config, &command.choice.to)?;
    let gateway = Asked::take(config.clone(), Wish::Read, globals, output).await?;
    let shown = command.file.display().to_string();
    let request = || UploadRequest {
        target: target(&command.choice),
        purpose: command.choice.purpose.clone(),
        ..UploadRequest::from(Source::Path {
            path: command.file.clone(),
            current_dir: std::env::current_dir().ok(),
        })
    };
    let route = match gateway.route(request).await {
        Ok(route) => route,
        Err(error) => {
            let error = advised(&config, Path::new(&shown), error);
            output.error(&error, Some(About::Path(&shown)))?;
            return Ok(Status::Failed);
        }
    };
    let status = if route.eligible.is_empty() {
        Status::Failed
    } else {
        Status::Done
    };
    if output.json {
        output.object(&route)?;
        return Ok(status);
    }
    if output.quiet {
        route
            .eligible
            .iter()
            .try_for_each(|one| output.line(safe(&one.provider)))?;
        return Ok(status);
    }
    show(output, &route)?;
    Ok(status)
}

/// Who would take it, in their order and with what they may reach, and why the others would not.
fn show(output: &Output, route: &RouteView) -> Result<(), Failure> {
    output.line(format_args!(
        "{}  {}, {}",
        styled(BOLD, safe(&route.path)),
        size(route.bytes),
        safe(&route.media_type)
    ))?;
    let names = route
        .eligible
        .iter()
        .map(|one| &one.provider)
        .chain(route.refused.iter().map(|one| &one.provider));
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
    for (place, one) in route.eligible.iter().enumerate() {
        let purpose = safe(&one.purpose);
        let why = match place {
            0 => format!("would take it as `{purpose}`"),
            _ => format!("could take it as `{purpose}`, if the ones above cannot be reached"),
        };
        output.line(format_args!(
            "  {}  {}  {why}",
            styled(GOOD, place + 1),
            pad(&safe(&one.provider), width)
        ))?;
        if one.cut_through {
            let sent = "a body of this size is sent to it while it arrives";
            output.line(format_args!("       {}", styled(DIM, sent)))?;
        }
        let by_default = if one.egress.by_default {
            " (granted by default)"
        } else {
            ""
        };
        for rule in &one.egress.rules {
            output.line(format_args!(
                "       {}",
                styled(DIM, format_args!("reaches {}{by_default}", safe(rule)))
            ))?;
        }
    }
    for one in &route.refused {
        let (cross, provider) = (styled(BAD, "✗"), pad(&safe(&one.provider), width));
        output.line(format_args!(
            "  {cross}  {provider}  {} {}",
            safe(&one.detail),
            styled(DIM, format_args!("({})", one.reason))
        ))?;
    }
    if route.eligible.is_empty() {
        output.note("no provider can take this file; nothing would be sent");
    }
    Ok(())
}
