//! Anthropic's Files API, also on Microsoft Foundry.
//!
//! Settings: `base_url` (default `https://api.anthropic.com`; Foundry's is
//! `https://RESOURCE.services.ai.azure.com/anthropic`), `workspace_id` (for keys that belong to several workspaces),
//! `anthropic_version`, `max_bytes`, `max_count`, `max_concurrency`.

mod errors;
mod facts;

use loadlock_sdk::http::{Answer, JSON_BYTES, segment};
use loadlock_sdk::instant::rfc3339;
use loadlock_sdk::openai_shape::Api;
use loadlock_sdk::prelude::*;
use loadlock_sdk::profile::{max_concurrency, need, purposes};
use serde::Deserialize;

/// The provider.
struct Anthropic;

/// One file as the vendor describes it. There is no digest and no state.
#[derive(Deserialize)]
struct FileObject {
    id: String,
    #[serde(default)]
    filename: Option<String>,
    #[serde(default)]
    mime_type: Option<String>,
    size_bytes: u64,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<FileObject>,
    #[serde(default)]
    next_page: Option<String>,
}

#[derive(Deserialize)]
struct Deleted {
    #[serde(rename = "type")]
    kind: String,
}

impl FileObject {
    fn remote_file(self) -> RemoteFile {
        let instant = |text: Option<String>| text.as_deref().and_then(rfc3339);
        RemoteFile {
            name: self.filename.filter(|name| !name.is_empty()),
            purpose: Some(facts::PURPOSES[0].name.to_owned()),
            created_at: instant(self.created_at),
            expires_at: instant(self.expires_at),
            media_type: self.mime_type.filter(|media_type| !media_type.is_empty()),
            ..RemoteFile::new(self.id, self.size_bytes)
        }
    }
}

impl Provider for Anthropic {
    fn profile() -> Result<Profile, Failure> {
        profile(&Settings::from_env())
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let account = Account::read()?;
        let form = match options.expires_in_s {
            // Before the file: the vendor reads the form in order.
            Some(seconds) => Form::new().field("expires_in_seconds", seconds.to_string()),
            None => Form::new(),
        };
        // The type decides how a message may use the file, and a wrong one shows only there: it is the validator's.
        let form = form.file("file", &allowed_name(&options.remote_name), &file.media_type);
        let reader = AdmittedReader::open(&file)?;
        let request = Request::post(&account.api.base, facts::FILES).form(&form, reader.whole())?;
        let mut answer = account
            .call(request)
            .map_err(|failure| account.api.misplaced(failure))?;
        Ok(account.api.read::<FileObject>(&mut answer, JSON_BYTES)?.remote_file())
    }

    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        let account = Account::read()?;
        let mut answer = account.call(Request::get(&account.api.base, &path_of(&remote.id)?))?;
        Ok(account.api.read::<FileObject>(&mut answer, JSON_BYTES)?.remote_file())
    }

    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        let account = Account::read()?;
        let limit = query.limit.clamp(1, facts::PAGE).to_string();
        let mut request = Request::get(&account.api.base, facts::FILES).query("limit", &limit);
        if let Some(page) = &query.cursor {
            request = request.query("page", page);
        }
        let mut answer = account.call(request)?;
        let page: Page = account.api.read(&mut answer, JSON_BYTES)?;
        Ok(RemotePage {
            files: page.data.into_iter().map(FileObject::remote_file).collect(),
            // A cursor that stands still would loop for ever.
            next: page
                .next_page
                .filter(|next| !next.is_empty() && Some(next) != query.cursor.as_ref()),
        })
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        let account = Account::read()?;
        let mut answer = match account.call(Request::delete(&account.api.base, &path_of(&remote.id)?)) {
            Ok(answer) => answer,
            Err(failure) if failure.kind == FailureKind::NotFound => return Ok(Deletion::AlreadyGone),
            Err(failure) => return Err(failure),
        };
        let deleted: Deleted = account.api.read(&mut answer, JSON_BYTES)?;
        match deleted.kind.as_str() {
            "file_deleted" => Ok(Deletion::Deleted),
            _ => Err(Failure::protocol("the vendor did not say that the file is deleted").with_status(answer.status())),
        }
    }

    fn probe() -> Result<String, Failure> {
        let account = Account::read()?;
        account.call(Request::get(&account.api.base, facts::FILES).query("limit", "1"))?;
        Ok("answers".to_owned())
    }
}

export_provider!(Anthropic);

/// Where requests go, and the headers that all of them have.
struct Account {
    api: Api,
    headers: Vec<(&'static str, String)>,
}

impl Account {
    fn read() -> Result<Self, Failure> {
        let settings = Settings::from_env();
        let version = settings.text("anthropic_version");
        let mut headers = vec![(
            "anthropic-version",
            version.unwrap_or_else(|| facts::VERSION.to_owned()),
        )];
        headers.extend(settings.text("workspace_id").map(|id| ("anthropic-workspace-id", id)));
        let api = Api {
            base: base(&settings)?,
            classify: errors::classify,
        };
        Ok(Self { api, headers })
    }

    fn call(&self, request: Request<'_>) -> Result<Answer, Failure> {
        let headers = self.headers.iter();
        self.api
            .call(headers.fold(request, |request, (name, value)| request.header(name, value.as_str())))
    }
}

fn base(settings: &Settings) -> Result<loadlock_sdk::http::Base, Failure> {
    settings.base("base_url", "https://api.anthropic.com")
}

fn profile(settings: &Settings) -> Result<Profile, Failure> {
    let base = base(settings)?;
    let reads = [Operation::Stat, Operation::Listing, Operation::Probe];
    Ok(Profile {
        title: format!("Anthropic ({})", base.host()),
        purposes: purposes(&facts::PURPOSES, &facts::PURPOSES[0], settings)?,
        verify: VerifyMethod::Mark,
        delete: DeleteSemantics::Hard,
        treatment: Treatment::MediaType,
        can_stat: true,
        can_list: true,
        takes_empty: false,
        max_concurrency: max_concurrency(settings)?,
        wants_digest: false,
        poll_interval_ms: None,
        egress: vec![
            need(&base, facts::FILES, "POST", &[Operation::Upload]),
            need(&base, facts::FILES, "GET", &reads),
            need(&base, facts::FILES, "DELETE", &[Operation::Delete]),
        ],
    })
}

fn path_of(id: &str) -> Result<String, Failure> {
    Ok(format!("{}/{}", facts::FILES, segment(id)?))
}

/// The name with `_` in place of what the vendor refuses in one. The mark holds none of that.
fn allowed_name(name: &str) -> String {
    let allowed = |c: char| {
        if facts::NOT_IN_NAMES.contains(c) || c.is_control() {
            '_'
        } else {
            c
        }
    };
    name.chars().map(allowed).take(facts::NAME_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn foundry_has_a_path_of_its_own() {
        let foundry = [("base_url", "https://r.services.ai.azure.com/anthropic")];
        for (pairs, path) in [(&[][..], "/v1/files"), (&foundry[..], "/anthropic/v1/files")] {
            let profile = profile(&Settings::from_pairs(pairs.iter().copied())).unwrap();
            assert!(profile.egress.iter().all(|need| need.path_prefix == path), "{path}");
            let purpose = profile.purposes.first().unwrap();
            assert_eq!(
                (purpose.max_bytes, purpose.content),
                (Some(500_000_000), ContentKind::Never)
            );
            assert_eq!(purpose.retention, Retention::Chosen((3_600, 7_776_000)));
        }
    }

    #[test]
    fn a_name_that_the_vendor_would_refuse_is_changed() {
        assert_eq!(allowed_name("a<b>:\"c\"|?*\\d-m4rk.txt"), "a_b___c_____d-m4rk.txt");
        assert_eq!(allowed_name("größe \u{1f600}.pdf"), "größe \u{1f600}.pdf");
    }
}
