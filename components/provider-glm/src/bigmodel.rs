//! What only bigmodel.cn has. Its list wants a purpose, and there is no call for one file alone.

use loadlock_sdk::content::{pipe_answer, write_bytes};
use loadlock_sdk::openai_shape::Api;
use loadlock_sdk::prelude::*;
use serde::Deserialize;

/// Most files of one page, by the documentation.
const PAGE: u32 = 100;

/// Most pages that `stat` looks through: twice the documented number of files for one purpose.
const STAT_PAGES: usize = 20;

/// Longest extracted text that is read, with the JSON around it. Taking a text out of JSON needs up to four times its
/// size, and a call has 64 MiB by default; a longer text is an error, never a part.
const TEXT_BYTES: u64 = 8 << 20;

#[derive(Deserialize)]
struct Extracted {
    content: String,
}

pub(crate) fn stat(api: &Api, remote: &RemoteRef) -> Result<RemoteFile, Failure> {
    let mut cursor = None;
    for _ in 0..STAT_PAGES {
        let page = api.page(Some(&remote.purpose), cursor.as_deref(), PAGE)?;
        if let Some(found) = page.files.into_iter().find(|file| file.id == remote.id) {
            return Ok(found);
        }
        cursor = page.next;
        if cursor.is_none() {
            return Err(Failure::not_found("bigmodel.cn lists no such file"));
        }
    }
    Err(Failure::protocol(format!(
        "bigmodel.cn listed {STAT_PAGES} pages without this file and promises more"
    )))
}

/// Without a purpose, every purpose is listed in turn: the cursor is `<purpose>:<vendor's cursor>`.
pub(crate) fn list(api: &Api, purposes: &[PurposeProfile], query: &ListQuery) -> Result<RemotePage, Failure> {
    let limit = query.limit.clamp(1, PAGE);
    if let Some(purpose) = &query.purpose {
        return api.page(Some(purpose), query.cursor.as_deref(), limit);
    }
    let names = || purposes.iter().map(|purpose| purpose.purpose.as_str());
    let (purpose, after) = match query.cursor.as_deref() {
        None => (names().next().unwrap_or("agent"), None),
        Some(cursor) => split(cursor)?,
    };
    let page = api.page(Some(purpose), after, limit)?;
    let following = || {
        names()
            .skip_while(|name| *name != purpose)
            .nth(1)
            .map(|name| format!("{name}:"))
    };
    Ok(RemotePage {
        files: page.files,
        next: page.next.map(|next| format!("{purpose}:{next}")).or_else(following),
    })
}

fn split(cursor: &str) -> Result<(&str, Option<&str>), Failure> {
    let (purpose, after) = cursor
        .split_once(':')
        .ok_or_else(|| Failure::new(FailureKind::Rejected, "the cursor was not issued by this provider"))?;
    Ok((purpose, Some(after).filter(|after| !after.is_empty())))
}

pub(crate) fn content(api: &Api, purposes: &[PurposeProfile], remote: &RemoteRef) -> Result<ContentInfo, Failure> {
    let purpose = purposes.iter().find(|purpose| purpose.purpose == remote.purpose);
    match purpose.map_or(ContentKind::Never, |purpose| purpose.content) {
        ContentKind::Never => Err(unsupported(&format!("content for `{}`", remote.purpose))),
        ContentKind::Raw => pipe_answer(&api.content(&remote.id)?, ContentKind::Raw, "application/octet-stream"),
        ContentKind::Extracted => {
            let text: Extracted = api.content(&remote.id)?.json(TEXT_BYTES)?;
            if text.content.is_empty() {
                return Err(Failure::protocol("bigmodel.cn extracted no text from this file"));
            }
            Ok(ContentInfo {
                media_type: "text/plain; charset=utf-8".to_owned(),
                bytes: write_bytes(text.content.as_bytes())?,
                kind: ContentKind::Extracted,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cursor_names_its_purpose() {
        assert_eq!(split("batch:").unwrap(), ("batch", None));
        assert_eq!(split("batch:file:1").unwrap(), ("batch", Some("file:1")));
        assert!(split("file-1").is_err());
    }
}
