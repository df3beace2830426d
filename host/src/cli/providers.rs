//! `loadlock providers`: list, inspect, probe.

use futures::future::join_all;

use super::args::{Globals, Providers};
use super::context::{configuration, known_provider, open};
use super::failure::{Failure, Status};
use super::output::{BAD, GOOD, Output, styled};
use super::table::Table;
use super::text::{pad, safe};
use super::{context, inspect};

pub(crate) async fn run(
    globals: &Globals,
    output: &Output,
    command: Providers,
) -> Result<Status, Failure> {
    match command {
        Providers::Ls => list(&open(configuration(globals)?, output).await?, output),
        Providers::Inspect { component } => inspect::run(globals, output, &component).await,
        Providers::Probe { name } => probe(globals, output, name).await,
    }
}

fn list(session: &context::Session, output: &Output) -> Result<Status, Failure> {
    let mut table = Table::new(&["NAME", "COMPONENT", "ORDER", "STATE", "ACCOUNT", "PURPOSES"]);
    for provider in session.gateway.providers(&session.who)? {
        if output.json {
            output.object(&provider)?;
        } else if output.quiet {
            output.line(safe(&provider.name))?;
        } else {
            let order = provider
                .order
                .map_or("-".to_owned(), |order| order.to_string());
            let purposes: Vec<&str> = provider
                .profile
                .purposes
                .iter()
                .map(|purpose| purpose.purpose.as_str())
                .collect();
            let purposes = purposes.join(", ");
            table.row([
                &provider.name,
                &provider.component,
                &order,
                &provider.breaker,
                &provider.account,
                &purposes,
            ]);
        }
    }
    table.print(output)?;
    Ok(Status::Done)
}

async fn probe(
    globals: &Globals,
    output: &Output,
    name: Option<String>,
) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    let names: Vec<String> = match name {
        Some(name) => {
            known_provider(&config, &name)?;
            vec![name]
        }
        None => config
            .providers
            .iter()
            .map(|provider| provider.name.clone())
            .collect(),
    };
    let session = open(config, output).await?;
    let asked = join_all(
        names
            .iter()
            .map(|name| session.gateway.probe(&session.who, name)),
    );
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let mut status = Status::Done;
    for answer in context::patiently(output, "asking", asked).await {
        let probe = answer?;
        if !probe.healthy {
            status = Status::Failed;
        }
        if output.json {
            output.object(&probe)?;
            continue;
        }
        let state = if probe.healthy {
            styled(GOOD, "healthy  ")
        } else {
            styled(BAD, "unhealthy")
        };
        let name = pad(&safe(&probe.provider), width);
        output.line(format_args!(
            "{name}  {state}  {:>5} ms  {}",
            probe.elapsed_ms,
            safe(&probe.detail)
        ))?;
    }
    Ok(status)
}
