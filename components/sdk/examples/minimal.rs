//! A whole provider: a vendor with `POST /objects`, `GET /objects`, `GET`/`DELETE /objects/{id}` and raw content.
//!
//! Build it with `cargo build --profile guest --target wasm32-wasip2 -p loadlock-sdk --example minimal`.

use loadlock_sdk::content::pipe_answer;
use loadlock_sdk::http::{JSON_BYTES, segment};
use loadlock_sdk::openai_shape::{Api, VendorError};
use loadlock_sdk::prelude::*;
use loadlock_sdk::profile::{MB, PurposeFacts, need};
use serde::Deserialize;

/// Facts about the vendor are data.
const PURPOSES: [PurposeFacts; 1] = [PurposeFacts {
    name: "store",
    max_bytes: Some(100 * MB),
    content: ContentKind::Raw,
    ..PurposeFacts::ANY
}];

/// What the vendor answers; this one calls things by names of its own.
#[derive(Deserialize)]
struct Object {
    key: String,
    length: u64,
    label: Option<String>,
}

#[derive(Deserialize)]
struct Objects {
    objects: Vec<Object>,
    next: Option<String>,
}

impl Object {
    fn remote_file(self) -> RemoteFile {
        RemoteFile {
            name: self.label,
            purpose: Some("store".to_owned()),
            ..RemoteFile::new(self.key, self.length)
        }
    }
}

/// The provider.
struct Minimal;

impl Provider for Minimal {
    fn profile() -> Result<Profile, Failure> {
        let base = Settings::from_env().base("base_url", "https://objects.example.com/v1")?;
        let reads = [
            Operation::Stat,
            Operation::Listing,
            Operation::Content,
            Operation::Probe,
        ];
        Ok(Profile {
            title: format!("Example objects ({})", base.host()),
            purposes: PURPOSES.iter().map(PurposeFacts::profile).collect(),
            // The mark is in the remote name, and `list` shows the name.
            verify: VerifyMethod::Mark,
            delete: DeleteSemantics::Hard,
            treatment: Treatment::Content,
            can_stat: true,
            can_list: true,
            takes_empty: true,
            max_concurrency: Some(8),
            wants_digest: false,
            poll_interval_ms: None,
            egress: vec![
                need(&base, "/objects", "POST", &[Operation::Upload]),
                need(&base, "/objects", "GET", &reads),
                need(&base, "/objects", "DELETE", &[Operation::Delete]),
            ],
        })
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let api = api()?;
        let form = Form::new()
            .field("owner", Settings::from_env().required("owner")?)
            .file("object", &options.remote_name, &file.media_type);
        let reader = AdmittedReader::open(&file)?;
        let request = Request::post(&api.base, "/objects").form(&form, reader.whole())?;
        let mut answer = api.call(request)?;
        // An unreadable success is described as such: the outcome is unknown, and the host will look.
        Ok(answer.json::<Object>(JSON_BYTES)?.remote_file())
    }

    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        let api = api()?;
        let below = format!("/objects/{}", segment(&remote.id)?);
        let mut answer = api.call(Request::get(&api.base, &below))?;
        Ok(answer.json::<Object>(JSON_BYTES)?.remote_file())
    }

    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        let api = api()?;
        let request = Request::get(&api.base, "/objects")
            .query("limit", &query.limit.to_string())
            .query("after", query.cursor.as_deref().unwrap_or_default());
        let page: Objects = api.call(request)?.json(JSON_BYTES)?;
        Ok(RemotePage {
            files: page.objects.into_iter().map(Object::remote_file).collect(),
            next: page.next,
        })
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        let api = api()?;
        let below = format!("/objects/{}", segment(&remote.id)?);
        match api.call(Request::delete(&api.base, &below)) {
            Ok(_) => Ok(Deletion::Deleted),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(Deletion::AlreadyGone),
            Err(failure) => Err(failure),
        }
    }

    fn content(remote: RemoteRef) -> Result<ContentInfo, Failure> {
        let api = api()?;
        let below = format!("/objects/{}/content", segment(&remote.id)?);
        let answer = api.call(Request::get(&api.base, &below))?;
        pipe_answer(&answer, ContentKind::Raw, "application/octet-stream")
    }

    fn probe() -> Result<String, Failure> {
        let api = api()?;
        api.call(Request::get(&api.base, "/objects").query("limit", "1"))?;
        Ok("answers".to_owned())
    }
}

export_provider!(Minimal);

fn api() -> Result<Api, Failure> {
    Ok(Api {
        base: Settings::from_env().base("base_url", "https://objects.example.com/v1")?,
        classify,
    })
}

/// What the vendor's codes mean where the status alone would mislead.
fn classify(status: u16, error: &VendorError) -> Option<FailureKind> {
    (status == 429 && error.is("bucket_full")).then_some(FailureKind::QuotaExhausted)
}
