//! `loadlock config`: every mistake, every value.

use loadlock::config::{Config, explain};
use serde_json::json;

use super::args::{ConfigCommand, Globals};
use super::context::{configuration, missing_credentials};
use super::failure::{Failure, Status};
use super::output::{BOLD, DIM, GOOD, Output, WARN, styled};
use super::table::fields;
use super::text::{counted, pad, safe};

pub(crate) fn run(globals: &Globals, output: &Output, command: &ConfigCommand) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    match command {
        ConfigCommand::Check => check(output, &config),
        ConfigCommand::Explain => show(output, &config),
    }
}

fn check(output: &Output, config: &Config) -> Result<Status, Failure> {
    let missing = missing_credentials(config);
    if !missing.is_empty() {
        return Err(Failure::Config(missing));
    }
    let file = config.file.as_ref().map(|file| file.display().to_string());
    let home = config.home.display().to_string();
    let providers: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    let grants: Vec<String> = config.grants.iter().map(|grant| grant.root.display().to_string()).collect();
    if output.json {
        output.object(&json!({
            "ok": true, "file": file, "home": home, "providers": providers, "order": config.order,
            "grants": grants, "notes": config.notes,
        }))?;
        return Ok(Status::Done);
    }
    if output.quiet {
        return Ok(Status::Done);
    }
    output.line(format_args!("{} the configuration is good", styled(GOOD, "ok:")))?;
    let list = |items: &[String]| if items.is_empty() { "none".to_owned() } else { safe(&items.join(", ")) };
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
    for note in &config.notes {
        output.note(format_args!("{} {}", styled(WARN, "note:"), safe(note)));
    }
    Ok(Status::Done)
}

fn show(output: &Output, config: &Config) -> Result<Status, Failure> {
    let values = explain(config);
    if output.json {
        for value in &values {
            output.object(&json!({
                "key": value.key, "value": value.value, "unit": value.unit,
                "origin": value.origin.to_string(), "meaning": value.meaning,
            }))?;
        }
        return Ok(Status::Done);
    }
    if !output.terminal {
        for value in &values {
            let cells = [&value.key, &value.value, &value.origin.to_string(), value.meaning];
            output.line(cells.map(safe).join("\t"))?;
        }
        return Ok(Status::Done);
    }
    let lines: Vec<(String, String)> = values
        .iter()
        .map(|value| (format!("{} = {}", value.key, safe(&value.value)), value.origin.to_string()))
        .collect();
    // Long values (grants) do not push every origin off the screen.
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= 48).max().unwrap_or(0);
    for (value, (line, origin)) in values.iter().zip(&lines) {
        let origin = if origin == "default" { styled(DIM, origin) } else { styled(GOOD, safe(origin)) };
        let shown = pad(line, width).replacen(&value.key, &styled(BOLD, &value.key), 1);
        output.line(format_args!("{shown}  {origin}\n    {}", styled(DIM, value.meaning)))?;
    }
    output.note(format_args!("{}", counted(values.len(), "value")));
    Ok(Status::Done)
}
