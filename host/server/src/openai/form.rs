//! `multipart/form-data` with one file: fields in memory, the file to wherever its bytes are to go, in whatever order
//! they come.

use std::collections::BTreeMap;

use futures::StreamExt;
use futures::future::BoxFuture;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use loadlock_gateway::{Body, Error, ErrorCode};
use multer::Multipart;

use super::failure::Failure;
use super::inflow::{Allowance, Inflow};

/// Parts of one form. OpenAI's largest has five.
pub(super) const PARTS: usize = 32;
/// Bytes of a field's name.
pub(super) const NAME: usize = 128;
/// Bytes of a text field's value.
pub(super) const VALUE: usize = 4 << 10;
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

/// Reads a form. `store` gets the part called `file`; its answer is dropped if anything after it is wrong.
///
/// # Errors
/// Whatever is wrong with the form, and what `store` answers.
pub(crate) async fn read<T>(
    headers: &HeaderMap,
    (body, allowance): (Inflow, Allowance),
    file: &'static str,
    store: impl FnOnce(Body) -> BoxFuture<'static, Result<T, Error>>,
) -> Result<Form<T>, Failure> {
    let mut form = Multipart::new(body, boundary(headers)?);
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
        let name = match part.name() {
            Some(name) if name.len() <= NAME => name.to_owned(),
            Some(_) => {
                return Err(Failure::body(format!("a field's name has more than {NAME} bytes")));
            }
            None => return Err(Failure::body("a part of the form has no name")),
        };
        if name == file {
            let Some(store) = store.take() else {
                return Err(Failure::param(file, format!("the form has two `{file}`")));
            };
            let body = Body {
                name: part.file_name().unwrap_or(file).to_owned(),
                media_type: part.content_type().map(ToString::to_string),
                stream: part
                    .map(|chunk| chunk.map_err(|error| std::io::Error::other(malformed(error).error)))
                    .boxed(),
            };
            allowance.stored();
            stored = Some(store(body).await?);
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
            return Err(Failure::body(format!("the form has two `{}`", name.escape_debug())));
        }
    }
    match stored {
        Some(file) => Ok(Form { fields, file }),
        None => Err(Failure::param(file, format!("the form has no part `{file}`"))),
    }
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
            let mut failure = Failure::body(format!("the body is no form: {error}"));
            failure.error.hint = "send `multipart/form-data` with a boundary".to_owned();
            failure
        })?;
    if (1..=BOUNDARY).contains(&boundary.len()) {
        return Ok(boundary);
    }
    Err(Failure::body(format!("the boundary has not 1 to {BOUNDARY} bytes")))
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
