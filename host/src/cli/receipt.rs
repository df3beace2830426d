//! What a person or a program is told about one file.

use loadlock::File;

use super::failure::Failure;
use super::output::Output;
use super::table::fields;
use super::text::{counted, safe, size};

/// All that is known about a file.
pub(crate) fn receipt(output: &Output, file: &File) -> Result<(), Failure> {
    let exact = if file.bytes < 1_000 {
        size(file.bytes)
    } else {
        format!("{} ({})", size(file.bytes), counted(file.bytes, "byte"))
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
