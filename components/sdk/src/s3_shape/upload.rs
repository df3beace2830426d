//! Storing: in one request, or in parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use super::Bucket;
use super::error::{failed, in_disguise, succeeded};
use super::object::{PAGE_BYTES, described, look, page};
use crate::file::{AdmittedReader, FileRange};
use crate::http::{Answer, Method, Request};
use crate::log_warn;
use crate::types::{AdmittedFile, Failure, FailureKind, RemoteFile};
use crate::xml::{Element, escaped};

/// Most parts of an object, everywhere.
const MOST_PARTS: u64 = 10_000;
const MIB: u64 = 1 << 20;

/// Stores a file under an id in one request.
///
/// # Errors
/// A classified failure; `outcome_unknown` if the object may be there.
pub fn put(bucket: &Bucket, file: &AdmittedFile, id: &str, name: &str) -> Result<RemoteFile, Failure> {
    let reader = AdmittedReader::open(file)?;
    let path = bucket.path_of(id)?;
    let digest = file.sha256.as_ref().filter(|_| bucket.has_checksums);
    let put = |careful: bool| {
        let mut request = Request::put(&bucket.base, &path)
            .raw(reader.whole(), &file.media_type)
            .header("x-amz-meta-name", encoded(name));
        if careful {
            request = request.header("if-none-match", "*");
        }
        if let Some((digest, bytes)) = digest
            .and_then(|text| Some((text, hex::decode(text).ok()?)))
            .filter(|_| careful)
        {
            request = request
                .header("x-amz-checksum-sha256", STANDARD.encode(bytes))
                .header("x-amz-content-sha256", digest.clone());
        }
        request.send()
    };
    let mut answer = put(true)?;
    if answer.status() == 501 {
        // One of these headers is not known there. The key is nobody else's, so the condition only saves a transfer.
        drop(answer);
        answer = put(false)?;
    }
    stored(bucket, file, id, answer)
}

/// The object that was stored, or was there already from an earlier try.
fn stored(bucket: &Bucket, file: &AdmittedFile, id: &str, answer: Answer) -> Result<RemoteFile, Failure> {
    match answer.status() {
        200..=299 => Ok(RemoteFile {
            media_type: Some(file.media_type.clone()),
            ..described(bucket, id, file.size, &answer)
        }),
        412 => {
            drop(answer);
            let found = look(bucket, id)?.filter(|found| {
                let differs = found.sha256.is_some() && file.sha256.is_some() && found.sha256 != file.sha256;
                found.bytes == file.size && !differs
            });
            found.ok_or_else(|| Failure::new(FailureKind::Rejected, "another object has the key of this upload"))
        }
        _ => Err(failed(bucket, answer)),
    }
}

/// Stores a file in parts of at least so many bytes, all but the last of them equal.
///
/// # Errors
/// A classified failure; `outcome_unknown` if the object or a part of it may be there.
pub fn put_in_parts(
    bucket: &Bucket,
    file: &AdmittedFile,
    id: &str,
    name: &str,
    least_part: u64,
) -> Result<RemoteFile, Failure> {
    let reader = AdmittedReader::open(file)?;
    let path = bucket.path_of(id)?;
    // What an earlier try left costs money until somebody ends it.
    abort_sessions(bucket, id)?;
    let session = begin(bucket, file, &path, name)?;
    let parts = reader.parts(part_bytes(file.size, least_part)).zip(1u32..);
    let sent = parts.map(|(part, number)| send_part(bucket, &path, &session, number, part));
    let done = sent
        .collect::<Result<Vec<_>, _>>()
        .and_then(|parts| complete(bucket, file, id, &session, &parts));
    match done {
        Err(failure) if !failure.outcome_unknown => {
            // What cannot be ended now is looked for later, and ended then.
            let left = abort(bucket, &path, &session).is_err();
            Err(failure.with_outcome_unknown(left))
        }
        done => done,
    }
}

/// A lost answer leaves a session that nobody knows, so it counts as storing: the upload is then looked for, and what
/// is found of it ended.
fn begin(bucket: &Bucket, file: &AdmittedFile, path: &str, name: &str) -> Result<String, Failure> {
    let mut request = Request::new(Method::Post, &bucket.base, path)
        .query("uploads", "")
        .text(String::new(), &file.media_type)
        .header("x-amz-meta-name", encoded(name));
    if bucket.has_checksums {
        request = request.header("x-amz-checksum-algorithm", "SHA256");
    }
    let mut answer = succeeded(bucket, request.send()?)?;
    let begun = page(&mut answer, "InitiateMultipartUpload")?;
    let session = begun.text_of("UploadId").map(str::to_owned);
    session.ok_or_else(|| Failure::protocol("the answer has no UploadId"))
}

/// A part as its own entry of the list that completes the object.
fn send_part(bucket: &Bucket, path: &str, session: &str, number: u32, part: FileRange<'_>) -> Result<String, Failure> {
    let mut request = Request::put(&bucket.base, path)
        .query("partNumber", &number.to_string())
        .query("uploadId", session)
        .raw(part, "application/octet-stream")
        .stores_nothing();
    let mut checksum = String::new();
    if bucket.has_checksums {
        let mut hash = Sha256::new();
        part.read(|bytes| hash.update(bytes))?;
        let digest = STANDARD.encode(hash.finalize());
        checksum = format!("<ChecksumSHA256>{digest}</ChecksumSHA256>");
        request = request.header("x-amz-checksum-sha256", digest);
    }
    let answer = succeeded(bucket, request.send()?)?;
    let tag = answer
        .header("etag")
        .ok_or_else(|| Failure::protocol("a part was answered without an ETag"))?;
    Ok(format!(
        "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag>{checksum}</Part>",
        escaped(tag)
    ))
}

/// Only this makes an object.
fn complete(
    bucket: &Bucket,
    file: &AdmittedFile,
    id: &str,
    session: &str,
    parts: &[String],
) -> Result<RemoteFile, Failure> {
    let path = bucket.path_of(id)?;
    let parts = parts.concat();
    let list = format!(
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}</CompleteMultipartUpload>"
    );
    let send = |careful: bool| {
        let request = Request::new(Method::Post, &bucket.base, &path).query("uploadId", session);
        let request = request.text(list.clone(), "application/xml");
        match careful {
            true => request.header("if-none-match", "*").send(),
            false => request.send(),
        }
    };
    let mut answer = send(true)?;
    if answer.status() == 501 {
        drop(answer);
        answer = send(false)?;
    }
    if !answer.is_success() {
        return stored(bucket, file, id, answer);
    }
    // The status is sent before the work is done, so the body decides.
    let body = answer.bytes(PAGE_BYTES)?;
    match Element::parse(&body) {
        Some(done) if done.name == "CompleteMultipartUploadResult" => stored(bucket, file, id, answer),
        Some(error) => Err(in_disguise(bucket, &answer, &error)),
        None => Err(in_disguise(bucket, &answer, &Element::default())),
    }
}

/// Ends every upload in parts that is open for the key of an id.
///
/// # Errors
/// A classified failure, if one may be left.
pub fn abort_sessions(bucket: &Bucket, id: &str) -> Result<(), Failure> {
    let (key, path) = (bucket.key_of(id), bucket.path_of(id)?);
    let request = bucket.list_request().query("uploads", "").query("prefix", &key);
    let mut answer = match succeeded(bucket, request.send()?) {
        Ok(answer) => answer,
        // What rclone says of a bucket without any.
        Err(failure) if failure.code.as_deref() == Some("NoSuchUpload") => return Ok(()),
        Err(failure) if matches!(failure.kind, FailureKind::Unauthorized | FailureKind::Unsupported) => {
            log_warn!("the store does not list unfinished uploads; let a lifecycle rule of the bucket end them");
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    let listed = page(&mut answer, "ListMultipartUploadsResult")?;
    let ours = listed.all("Upload").filter(|one| one.text_of("Key") == Some(&key));
    ours.filter_map(|one| one.text_of("UploadId"))
        .try_for_each(|session| abort(bucket, &path, session))
}

/// One that has ended by itself is as good.
fn abort(bucket: &Bucket, path: &str, session: &str) -> Result<(), Failure> {
    let request = Request::delete(&bucket.base, path).query("uploadId", session);
    let answer = request.send()?;
    if answer.is_success() || answer.status() == 404 {
        return Ok(());
    }
    let failure = failed(bucket, answer);
    log_warn!("the upload in parts could not be ended: {}", failure.message);
    Err(failure)
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// Equal ones, as R2 wants them, and never more than 10,000.
fn part_bytes(size: u64, least: u64) -> u64 {
    least.max(size.div_ceil(MOST_PARTS).div_ceil(MIB) * MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_never_too_many_nor_too_small() {
        let of = |size| part_bytes(size, 5 * MIB);
        assert_eq!(of(1), 5 * MIB);
        assert_eq!(of(10_000 * 5 * MIB), 5 * MIB);
        assert_eq!(of(10_000 * 5 * MIB + 1), 6 * MIB);
        assert!((5u64 << 40).div_ceil(of(5 << 40)) <= 10_000);
    }
}
