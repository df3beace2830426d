//! The Uploads API, for files that are larger than one request may be: create, parts, complete; cancel on failure.
//!
//! The optional `md5` is not sent: the bytes move from host to host and never pass through this component.

use loadlock_sdk::file::FileRange;
use loadlock_sdk::http::{JSON_BYTES, segment};
use loadlock_sdk::openai_shape::{Api, FileObject};
use loadlock_sdk::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Created {
    id: String,
}

#[derive(Deserialize)]
struct Completed {
    status: String,
    file: Option<FileObject>,
}

pub(crate) fn upload(
    api: &Api,
    file: &AdmittedFile,
    options: &UploadOptions,
    part_bytes: u64,
) -> Result<RemoteFile, Failure> {
    let reader = AdmittedReader::open(file)?;
    let request = Request::post(&api.base, "/uploads")
        .json(&description(file, options))
        .stores_nothing();
    let mut answer = api.call(request).map_err(|failure| api.misplaced(failure))?;
    let created: Created = api.read(&mut answer, JSON_BYTES)?;
    drop(answer);
    let path = format!("/uploads/{}", segment(&created.id)?);

    let stored = reader
        .parts(part_bytes)
        .map(|part| send_part(api, &path, part))
        .collect::<Result<Vec<_>, _>>()
        .and_then(|parts| complete(api, &path, &parts, file.size));
    if let Err(failure) = &stored
        && !failure.outcome_unknown
    {
        cancel(api, &path);
    }
    stored
}

fn description(file: &AdmittedFile, options: &UploadOptions) -> Value {
    let mut body = json!({
        "filename": options.remote_name,
        "purpose": options.purpose,
        "bytes": file.size,
        "mime_type": file.media_type,
    });
    if let (Some(seconds), Some(body)) = (options.expires_in_s, body.as_object_mut()) {
        let expires = json!({ "anchor": "created_at", "seconds": seconds });
        body.insert("expires_after".to_owned(), expires);
    }
    body
}

fn send_part(api: &Api, path: &str, part: FileRange<'_>) -> Result<String, Failure> {
    let form = Form::new().file("data", "upload", "application/octet-stream");
    let request = Request::post(&api.base, &format!("{path}/parts"))
        .form(&form, part)?
        .stores_nothing();
    let mut answer = api.call(request)?;
    let created: Created = api.read(&mut answer, JSON_BYTES)?;
    Ok(created.id)
}

/// Only this makes a file, so only this can leave the outcome open.
fn complete(api: &Api, path: &str, parts: &[String], size: u64) -> Result<RemoteFile, Failure> {
    let request = Request::post(&api.base, &format!("{path}/complete")).json(&json!({ "part_ids": parts }));
    let mut answer = api.call(request)?;
    let completed: Completed = api.read(&mut answer, JSON_BYTES)?;
    match completed.file {
        Some(file) if completed.status == "completed" => {
            file.remote_file(size).map_err(|failure| answer.describe(failure))
        }
        _ => Err(answer.describe(Failure::protocol(format!(
            "the upload was completed, but is `{}` and names no file",
            completed.status
        )))),
    }
}

/// The upload dies by itself after an hour; this frees its parts sooner.
fn cancel(api: &Api, path: &str) {
    let request = Request::post(&api.base, &format!("{path}/cancel"))
        .json(&json!({}))
        .stores_nothing();
    if let Err(failure) = api.call(request) {
        log_warn!("the upload could not be cancelled: {}", failure.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_openais() {
        let file = AdmittedFile {
            path: "/in/a".to_owned(),
            name: "a".to_owned(),
            size: 9,
            media_type: "text/plain".to_owned(),
            sha256: None,
        };
        let mut options = UploadOptions {
            purpose: "user_data".to_owned(),
            mark: "m".to_owned(),
            remote_name: "a-m.txt".to_owned(),
            expires_in_s: None,
        };
        let plain = json!({"filename": "a-m.txt", "purpose": "user_data", "bytes": 9, "mime_type": "text/plain"});
        assert_eq!(description(&file, &options), plain);
        options.expires_in_s = Some(3_600);
        let expires = json!({"anchor": "created_at", "seconds": 3_600});
        assert_eq!(description(&file, &options).get("expires_after"), Some(&expires));
    }
}
