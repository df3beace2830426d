//! `loadlock providers`: list, inspect, probe.

use futures::future::join_all;
use loadlock::gateway::{Gauge, Health};

use super::args::{Globals, Providers};
use super::asked::Asked;
use super::context::{configuration, known_provider, patiently};
use super::failure::{Failure, Status};
use super::inspect;
use super::output::{BAD, GOOD, Output, styled};
use super::table::Table;
use super::text::{counted, pad, safe, size};
use super::turn::Wish;

pub(crate) async fn run(globals: &Globals, output: &Output, command: Providers) -> Result<Status, Failure> {
    match command {
        Providers::Ls => {
            let gateway = Asked::take(configuration(globals)?, Wish::Read, globals, output).await?;
            list(&gateway, output).await
        }
        Providers::Inspect { component } => inspect::run(globals, output, &component).await,
        Providers::Probe { name } => probe(globals, output, name).await,
    }
}

async fn list(gateway: &Asked, output: &Output) -> Result<Status, Failure> {
    let mut table = Table::new(&[
        "NAME",
        "COMPONENT",
        "ORDER",
        "STATE",
        "HEALTH",
        "USED",
        "ACCOUNT",
        "PURPOSES",
    ])
    .spare(&["COMPONENT", "PURPOSES", "ACCOUNT", "ORDER"]);
    let mut reasons = Vec::new();
    for provider in gateway.providers().await? {
        if output.json {
            output.object(&provider)?;
        } else if output.quiet {
            output.line(safe(&provider.name))?;
        } else {
            let order = provider.order.map_or("-".to_owned(), |order| order.to_string());
            let purposes: Vec<&str> = provider
                .profile
                .purposes
                .iter()
                .map(|purpose| purpose.purpose.as_str())
                .collect();
            let purposes = purposes.join(", ");
            let health = match &provider.out_of_service {
                Some(_) => "-".to_owned(),
                None => health(provider.health.as_ref()),
            };
            if let Some(why) = provider.out_of_service {
                reasons.push(format!("{}: {why}", provider.name));
            }
            let component = match provider.swapped {
                true => format!("{} (swapped)", provider.component),
                false => provider.component,
            };
            table.row([
                &provider.name,
                &component,
                &order,
                &provider.breaker.replace('_', " "),
                &health,
                &used(&provider.quota),
                &provider.account,
                &purposes,
            ]);
        }
    }
    table.print(output)?;
    for reason in reasons {
        output.line(format_args!("{}", styled(BAD, safe(&reason))))?;
    }
    Ok(Status::Done)
}

/// `healthy, 40s ago`.
fn health(health: Option<&Health>) -> String {
    let Some(health) = health else {
        return "never probed".to_owned();
    };
    let state = if health.healthy { "healthy" } else { "unhealthy" };
    let seconds = health.age_ms / 1_000;
    let age = match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    };
    format!("{state}, {age} ago")
}

/// The gauge that is fullest, with its purpose: `file-extract 12/1000 files, 3.1 MB`.
fn used(gauges: &[Gauge]) -> String {
    let part = |used: u64, most: Option<u64>| most.map_or(0.0, |most| used as f64 / most as f64);
    let fill = |gauge: &Gauge| part(gauge.files, gauge.max_files).max(part(gauge.bytes, gauge.max_bytes));
    let fullest = gauges.iter().max_by(|a, b| {
        let by_fill = fill(a).total_cmp(&fill(b));
        by_fill.then(a.files.cmp(&b.files))
    });
    let Some(gauge) = fullest else {
        return "-".to_owned();
    };
    let files = match gauge.max_files {
        Some(most) => format!("{}/{}", gauge.files, counted(most, "file")),
        None => counted(gauge.files, "file"),
    };
    let of = |most: Option<String>| most.map_or(String::new(), |most| format!("/{most}"));
    format!(
        "{} {}, {}{}",
        gauge.purpose,
        files,
        size(gauge.bytes),
        of(gauge.max_bytes.map(size)),
    )
}

async fn probe(globals: &Globals, output: &Output, name: Option<String>) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    let names: Vec<String> = match name {
        Some(name) => {
            known_provider(&config, &name)?;
            vec![name]
        }
        None => config.providers.iter().map(|provider| provider.name.clone()).collect(),
    };
    let gateway = Asked::take(config, Wish::Read, globals, output).await?;
    let asked = join_all(names.iter().map(|name| gateway.probe(name)));
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let mut status = Status::Done;
    for answer in patiently(output, "asking", asked).await {
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
