//! What a person or a program is told about one file.

use loadlock::{Error, File};

use super::failure::Failure;
use super::output::{About, GOOD, Output, styled};
use super::table::fields;
use super::text::{pad, safe, size};

/// The result of one upload. `alone`: all that is known, else one line.
pub(crate) fn show(
    output: &Output,
    result: &Result<File, Error>,
    path: &str,
    alone: bool,
) -> Result<(), Failure> {
    match result {
        Err(error) => output.error(error, Some(About::Path(path)))?,
        Ok(file) if output.json => output.object(file)?,
        Ok(file) if output.quiet => output.line(&file.id)?,
        Ok(file) => {
            let done = if file.deduplicated {
                "already stored"
            } else {
                "stored"
            };
            if alone {
                output.line(format_args!(
                    "{} {}",
                    styled(GOOD, done),
                    safe(&file.filename)
                ))?;
                receipt(output, file)?;
            } else {
                let (id, provider, name) = (&file.id, safe(&file.provider), safe(&file.filename));
                match output.terminal {
                    true => output.line(format_args!(
                        "{}  {id}  {:>7}  {provider}  {name}",
                        styled(GOOD, pad(done, 14)),
                        size(file.bytes)
                    ))?,
                    false => output.line(format_args!(
                        "{}\t{id}\t{}\t{provider}\t{name}",
                        done, file.bytes
                    ))?,
                }
            }
        }
    }
    Ok(())
}

/// All that is known about a file.
pub(crate) fn receipt(output: &Output, file: &File) -> Result<(), Failure> {
    let exact = if file.bytes < 1_000 {
        size(file.bytes)
    } else {
        format!("{} ({} bytes)", size(file.bytes), file.bytes)
    };
    let attempts = if file.deduplicated {
        "0: the same bytes were there already".to_owned()
    } else {
        file.attempts.to_string()
    };
    let mut lines = vec![
        ("id", file.id.clone()),
        ("size", exact),
        ("sha256", file.sha256.clone()),
        ("type", safe(&file.media_type)),
        ("purpose", safe(&file.purpose)),
        ("provider", safe(&file.provider)),
        ("remote id", safe(&file.remote_id)),
        ("attempts", attempts),
        ("created", file.created_at.clone()),
    ];
    if let Some(expires) = &file.expires_at {
        lines.push(("expires", expires.clone()));
    }
    Ok(fields(output, &lines)?)
}
