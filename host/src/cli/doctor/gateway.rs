//! What a gateway says: each component, whether it starts, its ledger, and each vendor.

use futures::future::join_all;
use loadlock::ListRequest;
use loadlock::config::Config;
use loadlock::gateway::{Judged, Probe, judge};
use loadlock_policy::model::FailureKind;
use tokio::net::TcpListener;

use super::super::args::{Doctor, Globals};
use super::super::asked::Asked;
use super::super::context::{patiently, setup};
use super::super::failure::Failure;
use super::super::inspect::sandbox;
use super::super::output::Output;
use super::super::running::Running;
use super::super::turn::Wish;
use super::line::{CheckHealth, Checkup};

pub(super) async fn look(
    checkup: &mut Checkup<'_>,
    config: &Config,
    globals: &Globals,
    output: &Output,
    command: &Doctor,
) -> Result<(), Failure> {
    components(checkup, config, output).await?;
    let running = Running::on(config, loadlock_server::SOCKET).await.is_some();
    match running {
        true => checkup.good("address", "a gateway runs on this home")?,
        false => address(checkup, command).await?,
    }
    let gateway = match Asked::take(config.clone(), Wish::Look, globals, output).await {
        Ok(gateway) => gateway,
        // Each of its mistakes has a line already.
        Err(Failure::Config(_)) => return Ok(()),
        Err(failure) => return Ok(checkup.failed("start", &failure.into_error())?),
    };
    checkup.good(
        "start",
        if running {
            "the gateway answers"
        } else {
            "journal, audit log and every component open"
        },
    )?;
    let page = ListRequest {
        limit: 1,
        ..ListRequest::default()
    };
    match gateway.list(page).await {
        Ok(_) => checkup.good("ledger", &config.tracker.component)?,
        Err(error) => checkup.failed("ledger", &error)?,
    }
    vendors(checkup, config, output, &gateway).await
}

/// As `config check` does, without a gateway.
async fn components(checkup: &mut Checkup<'_>, config: &Config, output: &Output) -> Result<(), Failure> {
    let cache = Some(config.home.join("cache")).filter(|cache| cache.is_dir());
    let setup = setup(config.clone())?;
    let sandbox = sandbox(&setup, cache)?;
    for provider in &config.providers {
        let name = format!("provider {}", provider.name);
        match patiently(output, "looking at components", judge(&setup, &sandbox, provider)).await {
            Err(error) => checkup.failed(&name, &error)?,
            Ok(Judged { blocked: Some(why), .. }) => {
                let detail = format!("it can store nothing: {why}");
                checkup.line(
                    &name,
                    CheckHealth::Bad,
                    &detail,
                    Some("correct its section, or remove it"),
                )?;
            }
            Ok(Judged { unmet, .. }) if !unmet.is_empty() => {
                let detail = format!("it asks for {}, which is not granted", unmet.join(", "));
                checkup.line(
                    &name,
                    CheckHealth::Weak,
                    &detail,
                    Some("add that to its `egress` if it is to be able to"),
                )?;
            }
            Ok(_) => checkup.good(&name, &provider.connection.component)?,
        }
    }
    Ok(())
}

async fn address(checkup: &mut Checkup<'_>, command: &Doctor) -> Result<(), Failure> {
    let address = match command.listen.address().await {
        Ok(address) => address,
        Err(error) => return Ok(checkup.failed("address", &error)?),
    };
    match TcpListener::bind(address).await {
        Ok(_) => checkup.good("address", format_args!("{address} is free"))?,
        Err(error) => checkup.line(
            "address",
            CheckHealth::Bad,
            &format!("{address}: {error}"),
            Some("see who listens there (`ss -ltnp`), or serve elsewhere with `--listen`"),
        )?,
    }
    Ok(())
}

async fn vendors(checkup: &mut Checkup<'_>, config: &Config, output: &Output, gateway: &Asked) -> Result<(), Failure> {
    let names = config.providers.iter().map(|provider| provider.name.as_str());
    let asked = join_all(names.map(|name| async move { (name, gateway.probe(name).await) }));
    for (name, answer) in patiently(output, "asking vendors", asked).await {
        let check = format!("vendor {name}");
        match answer {
            Err(error) => checkup.failed(&check, &error)?,
            Ok(probe) if probe.healthy => {
                checkup.good(&check, format_args!("{} ({} ms)", probe.detail, probe.elapsed_ms))?
            }
            Ok(probe) => checkup.line(&check, CheckHealth::Bad, &probe.detail, Some(mend(&probe)))?,
        }
    }
    Ok(())
}

/// What helps against what a probe found.
fn mend(probe: &Probe) -> &'static str {
    match probe.failure {
        Some(FailureKind::Unauthorized) => {
            "give it a key that is valid and of this vendor and region, in its `credential`"
        }
        Some(FailureKind::QuotaExhausted) => "raise the account's quota, or put another provider before it in `order`",
        Some(FailureKind::RateLimited | FailureKind::Unavailable) => "wait, and look at the vendor's status page",
        Some(FailureKind::Timeout | FailureKind::Transport) => {
            "see that this machine reaches the vendor: name, firewall, proxy, `base_url`"
        }
        Some(FailureKind::NotFound | FailureKind::Unsupported | FailureKind::Rejected | FailureKind::Protocol) => {
            "see that its `base_url` is the vendor's API"
        }
        Some(FailureKind::Internal) | None => "look at its settings, and at the log with `--verbose`",
    }
}
