//! Gemini's Files API: resumable uploads under an id that is made of the mark, kept for 48 hours.
//!
//! Settings: `base_url` (default `https://generativelanguage.googleapis.com`), `api_version` (`v1` or `v1beta`),
//! `poll_interval_ms` (2000; 0 answers an upload while the vendor still processes it), `max_bytes`, `max_count`,
//! `max_concurrency`.

mod facts;
mod object;

use loadlock_sdk::google_shape::{Session, failure};
use loadlock_sdk::http::{Answer, Base, JSON_BYTES, segment};
use loadlock_sdk::prelude::*;
use loadlock_sdk::profile::{max_concurrency, need, purposes};

use serde_json::json;

use object::{FileObject, Page, Stored};

/// The provider.
struct Gemini;

impl Provider for Gemini {
    fn profile() -> Result<Profile, Failure> {
        let settings = Settings::from_env();
        Server::read(&settings)?.profile(&settings)
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let server = Server::read(&Settings::from_env())?;
        let reader = AdmittedReader::open(&file)?;
        let describes = json!({ "file": {
            // Of the mark: a lost upload is found by it.
            "name": format!("files/{}", options.mark),
            "displayName": options.remote_name,
            "mimeType": file.media_type,
            "sizeBytes": file.size.to_string(),
        } });
        let path = server.upload_path();
        let session = Session::start(&server.base, &path, &describes, file.size, &file.media_type)?;
        let mut answer = session.send(&reader)?;
        let stored: Stored = answer.json(JSON_BYTES)?;
        stored.file.remote_file().map_err(|failure| answer.describe(failure))
    }

    fn locate(upload: LostUpload) -> Result<RemoteFile, Failure> {
        Server::read(&Settings::from_env())?.stat(&format!("files/{}", upload.mark))
    }

    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        Server::read(&Settings::from_env())?.stat(&remote.id)
    }

    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        let server = Server::read(&Settings::from_env())?;
        let mut answer = server.list(query.limit.clamp(1, facts::PAGE), query.cursor.as_deref())?;
        let page: Page = answer.json(JSON_BYTES)?;
        let files = page.files.into_iter().map(FileObject::remote_file);
        Ok(RemotePage {
            files: files.collect::<Result<_, _>>()?,
            // A cursor that stands still would loop for ever.
            next: page
                .next_page_token
                .filter(|next| !next.is_empty() && Some(next) != query.cursor.as_ref()),
        })
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        let server = Server::read(&Settings::from_env())?;
        let path = server.path_of(&remote.id)?;
        match server.about_one(Request::delete(&server.base, &path)) {
            Ok(_) => Ok(Deletion::Deleted),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(Deletion::AlreadyGone),
            Err(failure) => Err(failure),
        }
    }

    fn probe() -> Result<String, Failure> {
        Server::read(&Settings::from_env())?.list(1, None)?;
        Ok("answers".to_owned())
    }
}

export_provider!(Gemini);

/// Everything that the settings say.
struct Server {
    base: Base,
    version: &'static str,
}

impl Server {
    fn read(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self {
            base: settings.base("base_url", "https://generativelanguage.googleapis.com")?,
            version: settings.choice("api_version", &facts::VERSIONS)?,
        })
    }

    fn profile(&self, settings: &Settings) -> Result<Profile, Failure> {
        let poll_interval_ms = settings.number("poll_interval_ms")?.unwrap_or(facts::POLL_INTERVAL_MS);
        let (files, all) = (self.files_path(), format!("/{}", self.version));
        Ok(Profile {
            title: format!("Gemini ({})", self.base.host()),
            purposes: purposes(&facts::PURPOSES, &facts::PURPOSES[0], settings)?,
            verify: VerifyMethod::ChosenId,
            delete: DeleteSemantics::Hard,
            treatment: Treatment::MediaType,
            can_stat: true,
            can_list: true,
            takes_empty: false,
            max_concurrency: max_concurrency(settings)?,
            wants_digest: false,
            poll_interval_ms: Some(poll_interval_ms).filter(|ms| *ms > 0),
            egress: vec![
                need(&self.base, &self.upload_path(), "POST", &[Operation::Upload]),
                need(&self.base, &files, "GET", &[Operation::Listing, Operation::Probe]),
                // Ids begin with `files/`.
                need(&self.base, &all, "GET", &[Operation::Stat, Operation::Locate]),
                need(&self.base, &all, "DELETE", &[Operation::Delete]),
            ],
        })
    }

    fn files_path(&self) -> String {
        format!("/{}/files", self.version)
    }

    fn upload_path(&self) -> String {
        format!("/upload/{}/files", self.version)
    }

    /// The path of one file.
    fn path_of(&self, id: &str) -> Result<String, Failure> {
        match id.strip_prefix("files/") {
            Some(name) => Ok(format!("{}/{}", self.files_path(), segment(name)?)),
            None => Err(Failure::not_found(format!(
                "`{id}` is no id of a file: it begins with `files/`"
            ))),
        }
    }

    fn stat(&self, id: &str) -> Result<RemoteFile, Failure> {
        let mut answer = self.about_one(Request::get(&self.base, &self.path_of(id)?))?;
        answer.json::<FileObject>(JSON_BYTES)?.remote_file()
    }

    fn list(&self, limit: u32, page: Option<&str>) -> Result<Answer, Failure> {
        let request = Request::get(&self.base, &self.files_path()).query("pageSize", &limit.to_string());
        let mut answer = match page {
            Some(page) => request.query("pageToken", page),
            None => request,
        }
        .send()?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(failure(&mut answer, false))
    }

    /// A request that names one file.
    fn about_one(&self, request: Request<'_>) -> Result<Answer, Failure> {
        let mut answer = request.send()?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(failure(&mut answer, true))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn server(pairs: &[(&str, &str)]) -> Server {
        Server::read(&Settings::from_pairs(pairs.iter().copied())).unwrap()
    }

    #[test]
    fn both_versions_are_spoken_and_a_file_lives_for_two_days() {
        for version in facts::VERSIONS {
            let settings = Settings::from_pairs([("api_version", version)]);
            let profile = Server::read(&settings).unwrap().profile(&settings).unwrap();
            assert_eq!(profile.egress[0].path_prefix, format!("/upload/{version}/files"));
            assert_eq!(profile.purposes[0].retention, Retention::Fixed(172_800));
            assert_eq!(
                (profile.verify, profile.poll_interval_ms),
                (VerifyMethod::ChosenId, Some(2_000))
            );
        }
        assert!(Server::read(&Settings::from_pairs([("api_version", "v2")])).is_err());
        assert_eq!(server(&[]).path_of("files/a b").unwrap(), "/v1/files/a%20b");
        assert!(server(&[]).path_of("a").is_err());
    }
}
