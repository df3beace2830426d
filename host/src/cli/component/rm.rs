//! `loadlock component rm`.

use loadlock::config::{ComponentSource, Config};
use serde_json::json;

use super::lock_file;
use super::pull::digest;
use crate::cli::context::configuration;
use crate::cli::failure::{Failure, Status};
use crate::cli::globals::Globals;
use crate::cli::output::Output;
use crate::cli::text::safe;

pub(super) fn run(globals: &Globals, output: &Output, names: &[String]) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    lock_file::named(&config.lock, names)?;
    if let Some((name, user)) = names.iter().find_map(|name| Some((name, user(&config, name)?))) {
        return Err(Failure::usage(
            format!("`{name}` is used by `{user}` of the configuration"),
            format!("take `locked:{name}` out of the configuration first"),
        ));
    }
    let removed = lock_file::change(&config, |store, lock| {
        let gone = lock
            .components
            .extract_if(.., |locked| names.contains(&locked.name))
            .collect::<Vec<_>>();
        for locked in &gone {
            if !lock.components.iter().any(|other| other.sha256 == locked.sha256) {
                store.remove(digest(&locked.sha256)?)?;
            }
        }
        Ok(gone)
    })?;
    for locked in removed {
        if output.json {
            output.object(&json!({ "name": locked.name, "removed": true }))?;
        } else if output.quiet {
            output.line(safe(&locked.name))?;
        } else {
            output.line(format!("removed {} {}", safe(&locked.name), safe(&locked.version)))?;
        }
    }
    Ok(Status::Done)
}

/// The section that uses the component.
fn user(config: &Config, name: &str) -> Option<String> {
    let used = ComponentSource::Locked(name.to_owned());
    let providers = config.providers.iter();
    let provider = providers.filter(|provider| provider.connection.component.source == used);
    let provider = provider.map(|provider| format!("providers.{}", provider.name)).next();
    let others = [
        ("tracker", &config.tracker.component),
        ("validator", &config.validator.component),
        ("auth", &config.auth.component),
    ];
    let other = others.into_iter().find(|(_, component)| component.source == used);
    provider.or(other.map(|(section, _)| section.to_owned()))
}
