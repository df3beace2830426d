//! Looking at objects, and deleting them.

use percent_encoding::percent_decode_str;

use super::Bucket;
use super::error::{failed, succeeded};
use crate::digest::from_base64;
use crate::http::{Answer, Request};
use crate::instant::rfc3339;
use crate::types::{Deletion, Failure, FailureKind, ListQuery, RemoteFile, RemotePage};
use crate::xml::Element;

/// A page of a thousand objects has some 500 KB.
pub(super) const PAGE_BYTES: u64 = 8 << 20;

/// Versions of one key that are erased in one call. Only a store that takes no condition has more than one.
const MOST_VERSIONS: usize = 16;

/// The object of an id, if there is one.
///
/// # Errors
/// What the error of the store means.
pub fn look(bucket: &Bucket, id: &str) -> Result<Option<RemoteFile>, Failure> {
    Ok(head(bucket, id)?.map(|answer| described(bucket, id, answer.content_length().unwrap_or(0), &answer)))
}

/// What the headers of an answer about an object say of it.
pub(super) fn described(bucket: &Bucket, id: &str, bytes: u64, answer: &Answer) -> RemoteFile {
    let name = answer
        .header("x-amz-meta-name")
        .map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned());
    RemoteFile {
        name: name.filter(|name| !name.chars().any(char::is_control)),
        // That of an object in parts is a digest of digests, and ends in their number.
        sha256: answer.header("x-amz-checksum-sha256").and_then(from_base64),
        uri: Some(format!("s3://{}/{}", bucket.name, bucket.key_of(id))),
        media_type: answer.media_type().map(str::to_owned),
        ..RemoteFile::new(id, bytes)
    }
}

fn head(bucket: &Bucket, id: &str) -> Result<Option<Answer>, Failure> {
    let path = bucket.path_of(id)?;
    let answer = Request::head(&bucket.base, &path)
        .header("x-amz-checksum-mode", "ENABLED")
        .send()?;
    if answer.is_success() {
        return Ok(Some(answer));
    }
    drop(answer);
    // The answer to a HEAD has no body, and 404 alone cannot tell a missing object from a missing bucket.
    let answer = Request::get(&bucket.base, &path).header("range", "bytes=0-0").send()?;
    if answer.is_success() || answer.status() == 416 {
        return Err(Failure::new(
            FailureKind::Unavailable,
            "the store contradicts itself about the object",
        ));
    }
    let failure = failed(bucket, answer);
    match failure.kind {
        FailureKind::NotFound => Ok(None),
        _ => Err(failure),
    }
}

/// One page of the objects below the prefix.
///
/// # Errors
/// What the error of the store means; `protocol` for what is no list.
pub fn list(bucket: &Bucket, query: &ListQuery) -> Result<RemotePage, Failure> {
    let mut request = bucket
        .list_request()
        .query("list-type", "2")
        .query("prefix", &bucket.key_of(""))
        .query("encoding-type", "url")
        .query("max-keys", &query.limit.min(1_000).to_string());
    if let Some(cursor) = &query.cursor {
        request = request.query("continuation-token", cursor);
    }
    let mut answer = succeeded(bucket, request.send()?)?;
    let page = page(&mut answer, "ListBucketResult")?;
    let is_encoded = page.text_of("EncodingType") == Some("url");
    let files = page.all("Contents").filter_map(|one| {
        let key = one.text_of("Key")?;
        let key = match is_encoded {
            true => percent_decode_str(&key.replace('+', " "))
                .decode_utf8()
                .ok()?
                .into_owned(),
            false => key.to_owned(),
        };
        let id = bucket.id_at(&key)?;
        Some(RemoteFile {
            purpose: query.purpose.clone(),
            created_at: one.text_of("LastModified").and_then(rfc3339),
            uri: Some(format!("s3://{}/{key}", bucket.name)),
            ..RemoteFile::new(id, one.text_of("Size")?.parse().ok()?)
        })
    });
    let next = page
        .text_of("NextContinuationToken")
        .filter(|_| page.text_of("IsTruncated") == Some("true"));
    Ok(RemotePage {
        files: files.collect(),
        next: next.map(str::to_owned),
    })
}

/// An answer's document, whose name must begin so: rclone leaves out the `Result` at its end.
pub(super) fn page(answer: &mut Answer, name: &str) -> Result<Element, Failure> {
    let body = answer.bytes(PAGE_BYTES)?;
    let page = Element::parse(&body).filter(|page| page.name.starts_with(name));
    page.ok_or_else(|| answer.describe(Failure::protocol(format!("the answer is not a {name}"))))
}

/// Erases the object with every version of it, or hides it where the bucket is to keep what it had. A missing object
/// and one that was deleted are answered alike by the store, so it is looked for first.
///
/// # Errors
/// What the error of the store means.
pub fn delete(bucket: &Bucket, id: &str) -> Result<Deletion, Failure> {
    for round in 0..MOST_VERSIONS {
        let Some(found) = head(bucket, id)? else {
            return Ok(if round == 0 {
                Deletion::AlreadyGone
            } else {
                Deletion::Deleted
            });
        };
        let version = found.header("x-amz-version-id").map(str::to_owned);
        drop(found);
        let request = Request::delete(&bucket.base, &bucket.path_of(id)?);
        let erased = version.filter(|_| !bucket.keeps_versions);
        let is_last = erased.is_none();
        let request = match erased {
            Some(version) => request.query("versionId", &version),
            None => request,
        };
        succeeded(bucket, request.send()?)?;
        if is_last {
            return Ok(Deletion::Deleted);
        }
    }
    Err(Failure::new(
        FailureKind::Unavailable,
        "the object has more versions than are erased at once",
    ))
}
