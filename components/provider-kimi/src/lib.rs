//! Kimi (Moonshot AI): documents whose extracted text can be fetched, images, videos and batches.
//!
//! Settings: `base_url` (default `https://api.moonshot.ai/v1`; the mainland's is `https://api.moonshot.cn/v1`, with
//! keys of its own), `purposes`, `max_bytes`, `max_count`, `max_concurrency`.

mod errors;
mod facts;

use loadlock_sdk::content::pipe_answer;
use loadlock_sdk::openai_shape::{Api, page_of_all};
use loadlock_sdk::prelude::*;
use loadlock_sdk::profile::{max_concurrency, need, purposes};

const BASE: &str = "https://api.moonshot.ai/v1";

/// The provider.
struct Kimi;

impl Provider for Kimi {
    fn profile() -> Result<Profile, Failure> {
        profile(&Settings::from_env())
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        api()?.upload(&file, &options, &[]).map_err(with_hint)
    }

    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        api()?.stat(&remote.id).map_err(with_hint)
    }

    /// Kimi gives all files at once; the pages are made here.
    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        let all = api()?.list(&[]).map_err(with_hint)?;
        page_of_all(all.page(None)?.files, &query)
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        api()?.delete(&remote.id).map_err(with_hint)
    }

    fn content(remote: RemoteRef) -> Result<ContentInfo, Failure> {
        let profile = Self::profile()?;
        let purpose = profile
            .purposes
            .iter()
            .find(|purpose| purpose.purpose == remote.purpose);
        if purpose.is_none_or(|purpose| purpose.content != ContentKind::Extracted) {
            return Err(unsupported(&format!("content for `{}`", remote.purpose)));
        }
        let answer = api()?.content(&remote.id).map_err(with_hint)?;
        let info = pipe_answer(&answer, ContentKind::Extracted, "text/plain")?;
        if info.bytes == 0 {
            return Err(Failure::protocol("Kimi extracted no text from this file"));
        }
        Ok(info)
    }

    fn probe() -> Result<String, Failure> {
        let all = api()?.list(&[]).map_err(with_hint)?;
        let count = all.data.len();
        let files = if count == 1 { "file" } else { "files" };
        Ok(format!("answers; {count} {files} in the account"))
    }
}

export_provider!(Kimi);

fn api() -> Result<Api, Failure> {
    Ok(Api {
        base: Settings::from_env().base("base_url", BASE)?,
        classify: errors::classify,
    })
}

fn profile(settings: &Settings) -> Result<Profile, Failure> {
    let base = settings.base("base_url", BASE)?;
    Ok(Profile {
        title: format!("Kimi ({})", base.host()),
        purposes: purposes(&facts::PURPOSES, &facts::COMMON, settings)?,
        verify: VerifyMethod::Mark,
        delete: DeleteSemantics::Hard,
        treatment: Treatment::Extension,
        can_stat: true,
        can_list: true,
        takes_empty: false,
        max_concurrency: max_concurrency(settings)?,
        wants_digest: false,
        poll_interval_ms: None,
        egress: vec![
            need(&base, "/files", "POST", &[Operation::Upload]),
            need(
                &base,
                "/files",
                "GET",
                &[
                    Operation::Stat,
                    Operation::Listing,
                    Operation::Content,
                    Operation::Probe,
                ],
            ),
            need(&base, "/files", "DELETE", &[Operation::Delete]),
        ],
    })
}

fn with_hint(failure: Failure) -> Failure {
    match failure.kind {
        FailureKind::Unauthorized => failure.with_hint(
            "keys of api.moonshot.ai and api.moonshot.cn are not interchangeable: check that `base_url` belongs to \
             the key",
        ),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Profile {
        profile(&Settings::from_pairs(pairs.iter().copied())).unwrap()
    }

    #[test]
    fn documents_come_back_as_text_and_nothing_is_larger_than_100_mb() {
        let profile = with(&[]);
        let first = profile.purposes.first().unwrap();
        assert_eq!(first.purpose, "file-extract");
        assert_eq!(first.content, ContentKind::Extracted);
        assert!(
            profile
                .purposes
                .iter()
                .all(|purpose| purpose.max_bytes == Some(100_000_000))
        );
        assert_eq!(profile.title, "Kimi (api.moonshot.ai)");
    }

    #[test]
    fn egress_follows_the_base() {
        let profile = with(&[("base_url", "http://127.0.0.1:9/fake/v1")]);
        for need in &profile.egress {
            assert_eq!(need.origin, "http://127.0.0.1:9");
            assert_eq!(need.path_prefix, "/fake/v1/files");
        }
        let deletes = profile.egress.iter().filter(|need| need.methods == ["DELETE"]);
        assert!(
            deletes.eq(profile
                .egress
                .iter()
                .filter(|need| need.operations == [Operation::Delete]))
        );
    }
}
