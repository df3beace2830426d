//! OpenAI and the servers that speak its Files API.
//!
//! Settings: `dialect` (`openai`, `compatible`, `mistral`, `openrouter`, `azure`, `xai`, `qwen`, `deepseek`), `base_url`
//! (the vendor's by default; a compatible server and a resource of Azure have none), `purposes`, `max_bytes`, `max_count`, `max_concurrency`, `uploads_api` (whether files
//! beyond one request go through `/uploads`; OpenAI only by default), `single_max_bytes` and `part_bytes` (512 MB and
//! 64 MB).

mod dialect;
mod errors;
mod facts;
mod mistral;
mod uploads;
mod xai;

use loadlock_sdk::content::pipe_answer;
use loadlock_sdk::openai_shape::Api;
use loadlock_sdk::prelude::*;

use dialect::{Dialect, Server};

/// The provider.
struct OpenAi;

impl Provider for OpenAi {
    fn profile() -> Result<Profile, Failure> {
        let settings = Settings::from_env();
        Server::read(&settings)?.profile(&settings)
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let (server, api) = connect()?;
        if server.has_uploads && file.size > server.single_max_bytes {
            return uploads::upload(&api, &file, &options, server.part_bytes);
        }
        api.upload(&file, &options, &expiry(&server, &options))
    }

    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        connect()?.1.stat(&remote.id)
    }

    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        match connect()? {
            (server, api) if server.dialect == Dialect::Mistral => mistral::list(&api, &query),
            (server, api) if server.dialect == Dialect::Xai => xai::list(&api, &query),
            (_, api) => api.page(query.purpose.as_deref(), query.cursor.as_deref(), query.limit),
        }
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        connect()?.1.delete(&remote.id)
    }

    fn content(remote: RemoteRef) -> Result<ContentInfo, Failure> {
        let profile = Self::profile()?;
        let known = profile.purposes.iter().find(|known| known.purpose == remote.purpose);
        if known.is_none_or(|purpose| purpose.content == ContentKind::Never) {
            return Err(unsupported(&format!("content for `{}`", remote.purpose)));
        }
        let answer = connect()?.1.content(&remote.id)?;
        pipe_answer(&answer, ContentKind::Raw, "application/octet-stream")
    }

    fn probe() -> Result<String, Failure> {
        let (server, api) = connect()?;
        let limit = match server.dialect {
            Dialect::Mistral => "page_size",
            _ => "limit",
        };
        api.list(&[(limit, "1")])?;
        Ok("answers".to_owned())
    }
}

export_provider!(OpenAi);

fn connect() -> Result<(Server, Api), Failure> {
    let server = Server::read(&Settings::from_env())?;
    let api = Api {
        base: server.base.clone(),
        classify: errors::classify,
    };
    Ok((server, api))
}

/// The fields that ask for an expiry. They come before the file, as some servers want it.
fn expiry(server: &Server, options: &UploadOptions) -> Vec<(&'static str, String)> {
    match options.expires_in_s {
        Some(seconds) if server.takes_expiry() => vec![
            ("expires_after[anchor]", "created_at".to_owned()),
            ("expires_after[seconds]", seconds.to_string()),
        ],
        _ => Vec::new(),
    }
}
