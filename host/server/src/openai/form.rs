//! `multipart/form-data` with one file: fields in memory, the file to wherever its bytes are to go, in whatever order
//! they come.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use loadlock_gateway::{Body, Error, ErrorCode};
use multer::{Field, Multipart};

use super::disposition::{Disposition, Filename};
use super::failure::Failure;
use super::inflow::{Allowance, Inflow};

/// Parts of one form. OpenAI's largest has five.
pub(super) const PARTS: usize = 32;
/// Bytes of a field's name.
pub(super) const NAME: usize = 128;
/// Bytes of a text field's value.
pub(super) const VALUE: usize = 4 << 10;
/// The part that is a file with a name of its own.
pub(super) const FILE: &str = "file";
/// Bytes of a boundary, RFC 2046 §5.1.1.
const BOUNDARY: usize = 70;

/// A form that was read to its end.
#[derive(Debug)]
pub(crate) struct Form<T> {
    /// Text fields by name.
    pub(crate) fields: BTreeMap<String, String>,
    /// What became of the file.
    pub(crate) file: T,
}

/// The part that is the file, and what is known when it begins.
pub(crate) struct FilePart {
    pub(crate) body: Body,
    /// The fields before it.
    pub(crate) fields: BTreeMap<String, String>,
    /// Its size if it is the last part and the request's length is known.
    pub(crate) bytes_if_last: Option<u64>,
}

/// Reads a form. `store` gets the part called `file`; its answer is dropped if anything after it is wrong.
///
/// # Errors
/// Whatever is wrong with the form, and what `store` answers.
pub(crate) async fn read<T>(
    headers: &HeaderMap,
    (body, allowance): (Inflow, Allowance),
    file: &'static str,
    store: impl FnOnce(FilePart) -> BoxFuture<'static, Result<T, Error>>,
) -> Result<Form<T>, Failure> {
    let boundary = boundary(headers)?;
    let mut form = Multipart::new(body, boundary.clone());
    let mut fields = BTreeMap::new();
    let (mut store, mut stored) = (Some(store), None);
    for count in 0.. {
        allowance.head();
        let Some(mut part) = form.next_field().await.map_err(malformed)? else {
            break;
        };
        if count == PARTS {
            return Err(Failure::body(format!("the form has more than {PARTS} parts")));
        }
        let (name, filename) = named(&part)?;
        not_encoded(&part, &name)?;
        if name == file {
            let Some(store) = store.take() else {
                return Err(Failure::param(file, format!("the form has two parts named `{file}`")));
            };
            let body = Body {
                name: file_name(file, filename)?,
                media_type: part.content_type().map(ToString::to_string),
                stream: part
                    .map(|chunk| chunk.map_err(|error| std::io::Error::other(malformed(error).error)))
                    .boxed(),
            };
            let came = allowance.stored();
            let part = FilePart {
                body,
                fields: fields.clone(),
                bytes_if_last: length(headers).and_then(|length| bytes_if_last(length, &came, &boundary, count)),
            };
            drop(came);
            stored = Some(store(part).await?);
            continue;
        }
        let mut value = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(malformed)? {
            if value.len() + chunk.len() > VALUE {
                return Err(Failure::body(format!(
                    "the field `{}` has more than {VALUE} bytes",
                    name.escape_debug()
                )));
            }
            value.extend_from_slice(&chunk);
        }
        let value = String::from_utf8(value)
            .map_err(|_| Failure::body(format!("the field `{}` is not UTF-8", name.escape_debug())))?;
        if fields.insert(name.clone(), value).is_some() {
            return Err(Failure::body(format!(
                "the form has two fields named `{}`",
                name.escape_debug()
            )));
        }
    }
    match stored {
        Some(file) => Ok(Form { fields, file }),
        None => Err(Failure::param(file, format!("the form has no part `{file}`"))),
    }
}

/// Bytes of the whole request, if it says.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The size of the part with this index, whose head has come, if nothing but the closing line follows it. A client may
/// end otherwise, so it is a guess until the form was read to its end.
fn bytes_if_last(length: u64, came: &[Bytes], boundary: &str, index: usize) -> Option<u64> {
    let came = came.concat();
    let line = format!("--{boundary}");
    let mut at = 0;
    for part in 0..=index {
        let begins = |at: usize| at == 0 || came.get(at.wrapping_sub(2)..at) == Some(b"\r\n");
        loop {
            at += find(came.get(at..)?, line.as_bytes())?;
            if begins(at) {
                break;
            }
            at += 1;
        }
        at += line.len();
        if part == index {
            at += find(came.get(at..)?, b"\r\n\r\n")? + 4;
        }
    }
    // `\r\n`, the line, `--\r\n`.
    let closing = line.len() as u64 + 6;
    length.checked_sub(at as u64)?.checked_sub(closing)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// The field's name, and its file's.
fn named(part: &Field<'_>) -> Result<(String, Filename), Failure> {
    let Disposition { name, filename } = Disposition::of(part.headers()).map_err(Failure::body)?;
    match name {
        Some(name) if name.len() <= NAME => Ok((name, filename)),
        Some(_) => Err(Failure::body(format!("a field's name has more than {NAME} bytes"))),
        None => Err(Failure::body("a part of the form has no name")),
    }
}

/// What the file is called. A part of an upload needs no name: the upload has one.
fn file_name(file: &'static str, filename: Filename) -> Result<String, Failure> {
    let why = match filename {
        Filename::Given(name) => return Ok(name),
        _ if file != FILE => return Ok(file.to_owned()),
        Filename::Unreadable(why) => why,
        Filename::Absent => "the part has none",
    };
    let mut failure = Failure::param(file, format!("the file's name cannot be read: {why}"));
    failure.error.hint = "send it as `filename=\"…\"` of the part's `Content-Disposition`, in UTF-8".to_owned();
    Err(failure)
}

/// Bytes are taken as they come (RFC 7578 §4.7): what says that they are encoded is not taken for the file.
fn not_encoded(part: &Field<'_>, name: &str) -> Result<(), Failure> {
    let headers = part.headers();
    for (header, plain) in [
        ("content-transfer-encoding", &["binary", "8bit", "7bit"][..]),
        ("content-encoding", &["identity"]),
    ] {
        for value in headers.get_all(header) {
            let value = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
            if !plain.contains(&value.as_str()) {
                let error = Error::new(
                    ErrorCode::EncodingUnsupported,
                    format!(
                        "the part `{}` has the {header} `{}`",
                        name.escape_debug(),
                        value.escape_debug()
                    ),
                );
                return Err(error.hint("send the part's bytes as they are").into());
            }
        }
    }
    Ok(())
}

fn boundary(headers: &HeaderMap) -> Result<String, Failure> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (types.next(), types.next()) else {
        return Err(Failure::body("exactly one `content-type` is needed"));
    };
    let boundary = kind
        .to_str()
        .map_err(|_| multer::Error::NoMultipart)
        .and_then(multer::parse_boundary)
        .map_err(|error| {
            let mut failure = Failure::body(format!("the body is not multipart/form-data: {error}"));
            failure.error.hint = "send `multipart/form-data` with a boundary".to_owned();
            failure
        })?;
    if (1..=BOUNDARY).contains(&boundary.len()) {
        return Ok(boundary);
    }
    let bytes = boundary.len();
    Err(Failure::body(format!(
        "the boundary has {bytes} bytes; 1 to {BOUNDARY} are allowed"
    )))
}

/// What the parser says, or the reason below it.
fn malformed(error: multer::Error) -> Failure {
    if let multer::Error::StreamReadFailed(cause) = &error {
        let cause = cause.downcast_ref::<std::io::Error>();
        if let Some(refusal) = cause
            .and_then(std::io::Error::get_ref)
            .and_then(|inner| inner.downcast_ref::<Error>())
        {
            return refusal.clone().into();
        }
        return Error::new(ErrorCode::RequestInvalid, "the body ended early")
            .hint("send it again")
            .into();
    }
    Failure::body(format!("the form cannot be read: {error}"))
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
