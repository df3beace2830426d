//! `loadlock config`: every mistake, every value.

use std::collections::BTreeMap;

use loadlock::config::{Config, Explained, explain};
use loadlock::gateway::{Judged, judge, swapped_components};
use loadlock::{Error, ErrorCode};
use serde_json::json;

use super::args::{ConfigCommand, Globals};
use super::context::{configuration, missing_credentials, patiently, setup};
use super::failure::{Failure, Status};
use super::inspect::sandbox;
use super::output::{BOLD, DIM, GOOD, Output, WARN, styled};
use super::table::fields;
use super::text::{counted, pad, safe, terminal_width, wrap};

/// Before what a value means.
const INDENT: &str = "    ";

pub(crate) async fn run(globals: &Globals, output: &Output, command: &ConfigCommand) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    match command {
        ConfigCommand::Check => check(output, &config).await,
        ConfigCommand::Explain => show(output, &config, globals.home.is_some()),
    }
}

/// What each provider's component makes of its configuration: mistakes, and what is only worth knowing.
async fn providers(output: &Output, config: &Config) -> Result<(Vec<Error>, Vec<String>), Failure> {
    let cache = Some(config.home.join("cache")).filter(|cache| cache.is_dir());
    let setup = setup(config.clone())?;
    let sandbox = sandbox(&setup, cache)?;
    let (mut mistakes, mut notes) = (Vec::new(), Vec::new());
    for provider in &config.providers {
        let name = &provider.name;
        match patiently(output, "looking at components", judge(&setup, &sandbox, provider)).await {
            Err(error) => mistakes.push(error),
            Ok(Judged { blocked: Some(why), .. }) => {
                let message = format!("`{name}` can store nothing: {why}");
                let error = Error::new(ErrorCode::ConfigInvalid, message);
                mistakes.push(error.hint("correct its section, or remove it"));
            }
            Ok(Judged { unmet, .. }) => notes.extend(unmet.into_iter().map(|unmet| {
                format!("`{name}` asks for {unmet}, which is not granted: some of what it can do will fail.")
            })),
        }
    }
    Ok((mistakes, notes))
}

async fn check(output: &Output, config: &Config) -> Result<Status, Failure> {
    let missing = missing_credentials(config);
    if !missing.is_empty() {
        return Err(Failure::Config(missing));
    }
    let (mistakes, unmet) = self::providers(output, config).await?;
    if !mistakes.is_empty() {
        mistakes.iter().try_for_each(|error| output.error(error, None))?;
        return Ok(Status::Wrong);
    }
    let notes: Vec<&String> = config.notes.iter().chain(&unmet).collect();
    let file = config.file.as_ref().map(|file| file.display().to_string());
    let home = config.home.display().to_string();
    let providers: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    let grants: Vec<String> = config
        .grants
        .iter()
        .map(|grant| grant.root.display().to_string())
        .collect();
    let egress: BTreeMap<&str, String> = config
        .providers
        .iter()
        .map(|provider| {
            let connection = &provider.connection;
            let reaches = connection.egress.describe(&connection.component.source);
            (provider.name.as_str(), reaches)
        })
        .collect();
    if output.json {
        output.object(&json!({
            "ok": true, "file": file, "home": home, "providers": providers, "order": config.order,
            "grants": grants, "egress": egress, "notes": notes,
        }))?;
        return Ok(Status::Done);
    }
    if output.quiet {
        return Ok(Status::Done);
    }
    output.line(format_args!("{} the configuration is good", styled(GOOD, "ok:")))?;
    let list = |items: &[String]| {
        if items.is_empty() {
            "none".to_owned()
        } else {
            safe(&items.join(", "))
        }
    };
    fields(
        output,
        &[
            ("file", file.map_or("none: defaults".to_owned(), |file| safe(&file))),
            ("home", safe(&home)),
            ("grants", list(&grants)),
            ("providers", safe(&providers.join(", "))),
            ("order", list(&config.order)),
        ],
    )?;
    for (provider, reaches) in &egress {
        output.line(format_args!(
            "  {}",
            styled(DIM, format_args!("{provider} reaches {}", safe(reaches)))
        ))?;
    }
    for note in notes {
        output.note(format_args!("{} {}", styled(WARN, "note:"), safe(note)));
    }
    Ok(Status::Done)
}

/// `home_given`: by `--home`, which reaches the configuration as its variable.
fn show(output: &Output, config: &Config, home_given: bool) -> Result<Status, Failure> {
    let mut values = explain(config);
    // What runs is another matter where a command has swapped it.
    let swapped = swapped_components(config)?;
    for value in &mut values {
        if let Some(source) = swapped.get(&value.key) {
            value.value = format!("{source} (swapped; configured is {})", value.value);
        }
    }
    let origin = |value: &Explained| {
        if home_given && value.key == "home" {
            "--home".to_owned()
        } else {
            value.origin.to_string()
        }
    };
    if output.json {
        for value in &values {
            output.object(&json!({
                "key": value.key, "value": value.value, "unit": value.unit,
                "origin": origin(value), "meaning": value.meaning,
            }))?;
        }
        return Ok(Status::Done);
    }
    if !output.terminal {
        for value in &values {
            let cells = [&value.key, &value.value, &origin(value), value.meaning];
            output.line(cells.map(safe).join("\t"))?;
        }
        return Ok(Status::Done);
    }
    let lines: Vec<(String, String)> = values
        .iter()
        .map(|value| (format!("{} = {}", value.key, safe(&value.value)), origin(value)))
        .collect();
    // Long values (grants) do not push every origin off the screen.
    let width = lines
        .iter()
        .map(|(line, _)| line.chars().count())
        .filter(|width| *width <= 48)
        .max()
        .unwrap_or(0);
    for (value, (line, origin)) in values.iter().zip(&lines) {
        let origin = if origin == "default" {
            styled(DIM, origin)
        } else {
            styled(GOOD, safe(origin))
        };
        let shown = pad(line, width).replacen(&value.key, &styled(BOLD, &value.key), 1);
        output.line(format_args!("{shown}  {origin}"))?;
        for line in wrap(value.meaning, terminal_width().saturating_sub(INDENT.len())) {
            output.line(format_args!("{INDENT}{}", styled(DIM, line)))?;
        }
    }
    output.note(format_args!("{}", counted(values.len() as u64, "value")));
    Ok(Status::Done)
}
