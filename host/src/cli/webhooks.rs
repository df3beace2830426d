//! `loadlock webhooks`: who is told of uploads, and what was given up.

use super::args::Globals;
use super::asked::Asked;
use super::context::configuration;
use super::failure::{Failure, Status};
use super::output::Output;
use super::table::Table;
use super::text::{counted, safe};
use super::turn::Wish;
use super::webhooks_args::Webhooks;

pub(crate) async fn run(globals: &Globals, output: &Output, command: Webhooks) -> Result<Status, Failure> {
    let wish = match command {
        Webhooks::Resend { .. } => Wish::Change,
        Webhooks::Ls | Webhooks::DeadLetters => Wish::Look,
    };
    let gateway = Asked::take(configuration(globals)?, wish, globals, output).await?;
    match command {
        Webhooks::Ls => list(&gateway, output).await,
        Webhooks::DeadLetters => letters(&gateway, output).await,
        Webhooks::Resend { id, .. } => {
            let resent = gateway.resend(id.as_deref()).await?;
            if output.json {
                output.object(&serde_json::json!({ "resent": resent }))?;
            } else if !output.quiet {
                output.line(format_args!("{} will be sent again", counted(resent, "event")))?;
            }
            Ok(Status::Done)
        }
    }
}

async fn list(gateway: &Asked, output: &Output) -> Result<Status, Failure> {
    let mut table = Table::new(&["URL", "STATE", "WAITING", "DEAD", "EVENTS", "LAST ERROR"]).spare(&["EVENTS"]);
    for webhook in gateway.webhooks().await? {
        if output.json {
            output.object(&webhook)?;
        } else if output.quiet {
            output.line(safe(&webhook.url))?;
        } else {
            table.row([
                &webhook.url,
                &webhook.breaker.replace('_', " "),
                &webhook.waiting.to_string(),
                &webhook.dead_letters.to_string(),
                &webhook.events.join(", "),
                webhook.last_error.as_deref().unwrap_or("-"),
            ]);
        }
    }
    table.print(output)?;
    Ok(Status::Done)
}

async fn letters(gateway: &Asked, output: &Output) -> Result<Status, Failure> {
    let mut table = Table::new(&["ID", "TYPE", "FILE", "TENANT", "ATTEMPTS", "URL", "LAST ERROR"]).spare(&["URL"]);
    for letter in gateway.dead_letters().await? {
        if output.json {
            output.object(&letter)?;
        } else if output.quiet {
            output.line(safe(&letter.id))?;
        } else {
            table.row([
                &letter.id,
                &letter.kind,
                &letter.file,
                &letter.tenant,
                &letter.attempts.to_string(),
                &letter.url,
                letter.last_error.as_deref().unwrap_or("-"),
            ]);
        }
    }
    table.print(output)?;
    Ok(Status::Done)
}
