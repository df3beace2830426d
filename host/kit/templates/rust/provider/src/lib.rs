//! my-component: a provider for the vendor in `vendor/`. Change it to speak your vendor's API.

mod http;

use serde::Deserialize;

wit_bindgen::generate!({ path: "wit", world: "provider-component" });

use exports::loadlock::upload::provider::*;
use http::{Base, Method, segment, send};
use loadlock::upload::types::FailureKind;

/// What the vendor says of a file. The id must be as it was in the answer: the host looks for it there.
#[derive(Deserialize)]
struct Stored {
    id: String,
    bytes: u64,
    name: String,
}

#[derive(Deserialize)]
struct Page {
    files: Vec<Stored>,
    next: Option<String>,
}

impl From<Stored> for RemoteFile {
    fn from(stored: Stored) -> Self {
        Self {
            id: stored.id,
            bytes: stored.bytes,
            name: Some(stored.name),
            purpose: Some("store".to_owned()),
            sha256: None,
            created_at: None,
            expires_at: None,
            status: RemoteStatus::Ready,
            failure: None,
            uri: None,
            media_type: None,
        }
    }
}

struct MyComponent;

impl Guest for MyComponent {
    fn profile() -> Result<ProviderProfile, Failure> {
        let base = Base::of_settings()?;
        let need = |method: &str, operations: &[Operation]| EgressNeed {
            origin: base.origin(),
            path_prefix: format!("{}/files", base.path),
            methods: vec![method.to_owned()],
            operations: operations.to_vec(),
        };
        let reads = [Operation::Stat, Operation::Listing, Operation::Content, Operation::Probe];
        Ok(ProviderProfile {
            title: format!("my-component ({})", base.authority),
            purposes: vec![PurposeProfile {
                purpose: "store".to_owned(),
                max_bytes: None,
                image_max_bytes: None,
                extensions: Vec::new(),
                media_types: Vec::new(),
                max_count: None,
                max_total_bytes: None,
                retention: Retention::UntilDeleted,
                content: ContentKind::Raw,
            }],
            // The mark is in the remote name, and `list` shows the name: a lost upload can be found.
            verify: VerifyMethod::Mark,
            delete: DeleteSemantics::Hard,
            treatment: Treatment::Content,
            can_stat: true,
            can_list: true,
            takes_empty: true,
            max_concurrency: None,
            wants_digest: false,
            poll_interval_ms: None,
            egress: vec![
                need("POST", &[Operation::Upload]),
                need("GET", &reads),
                need("DELETE", &[Operation::Delete]),
            ],
        })
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let path = format!("/files?name={}", segment(&options.remote_name));
        Ok(send(Method::Post, &path, Some(&file))?.json::<Stored>()?.into())
    }

    fn locate(_: LostUpload) -> Result<RemoteFile, Failure> {
        Err(http::failure(FailureKind::Unsupported, "a lost upload is found by the mark in its name"))
    }

    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        let path = format!("/files/{}", segment(&remote.id));
        Ok(send(Method::Get, &path, None)?.json::<Stored>()?.into())
    }

    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        let after = segment(&query.cursor.unwrap_or_default());
        let path = format!("/files?limit={}&after={after}", query.limit);
        let page = send(Method::Get, &path, None)?.json::<Page>()?;
        Ok(RemotePage { files: page.files.into_iter().map(Into::into).collect(), next: page.next })
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        match send(Method::Delete, &format!("/files/{}", segment(&remote.id)), None) {
            Ok(_) => Ok(Deletion::Deleted),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(Deletion::AlreadyGone),
            Err(failure) => Err(failure),
        }
    }

    fn content(remote: RemoteRef) -> Result<ContentInfo, Failure> {
        let path = format!("/files/{}/content", segment(&remote.id));
        let bytes = send(Method::Get, &path, None)?.pipe()?;
        Ok(ContentInfo { media_type: "application/octet-stream".to_owned(), bytes, kind: ContentKind::Raw })
    }

    fn probe() -> Result<String, Failure> {
        send(Method::Get, "/files?limit=1", None)?;
        Ok("answers".to_owned())
    }
}

export!(MyComponent);
