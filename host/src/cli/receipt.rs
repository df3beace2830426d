//! What a person or a program is told about one file.

use loadlock::{CopyStatus, File};

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
    ];
    let more = [("uri", &file.uri), ("remote type", &file.remote_media_type)];
    lines.extend(
        more.into_iter()
            .filter_map(|(name, value)| Some((name, safe(value.as_ref()?)))),
    );
    lines.extend([("attempts", attempts), ("created", file.created_at.clone())]);
    if let Some(expires) = &file.expires_at {
        lines.push(("expires", expires.clone()));
    }
    for copy in &file.copies {
        let mut line = format!("{}: {}", safe(&copy.provider), safe(&copy.remote_id));
        if let Some(uri) = &copy.uri {
            line.push_str(&format!(", {}", safe(uri)));
        }
        line.push_str(&format!(", {}", copy.status.as_str()));
        if let Some(expires) = copy.expires_at.as_ref().filter(|_| copy.status != CopyStatus::Expired) {
            line.push_str(&format!(" until {expires}"));
        }
        lines.push(("stored at", line));
    }
    Ok(fields(output, &lines)?)
}
