//! Multipart forms, read strictly: what a vendor refuses must not pass here.

use multer::Multipart;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::body::{BodyError, Tap};
use crate::recorder::FieldFacts;
use crate::store::{Keeper, Kept};

/// Text fields are short.
const LONGEST_TEXT: usize = 64 * 1024;

/// The fields that a form may have, each at most once.
pub(crate) struct Rules {
    /// The one with the bytes; required, with a file name.
    pub(crate) file: &'static str,
    /// The others, without a file name.
    pub(crate) texts: &'static [&'static str],
}

/// The part with the bytes.
pub(crate) struct FilePart {
    pub(crate) filename: String,
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) kept: Kept,
}

/// A form that obeys its rules.
pub(crate) struct Form {
    pub(crate) file: FilePart,
    pub(crate) fields: Vec<FieldFacts>,
}

impl Form {
    /// The value of a text field.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        field.text.as_deref()
    }
}

/// Why a form is not taken.
#[derive(Debug, Error)]
pub(crate) enum FormError {
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The file field is not there.
    #[error("the form has no file")]
    NoFile,
    #[error("{0}")]
    Malformed(String),
}

/// Reads a form to its end. `kept` decides what stays of the file; `seen` is called with each part, also of a form that
/// fails later.
pub(crate) async fn read(
    tap: &mut Tap,
    content_type: Option<&str>,
    rules: &Rules,
    keeper: Keeper,
    mut seen: impl FnMut(FieldFacts),
) -> Result<Form, FormError> {
    let boundary = content_type
        .ok_or_else(|| malformed("no content type"))
        .and_then(|value| multer::parse_boundary(value).map_err(malformed))?;
    if boundary.is_empty() || boundary.len() > 70 {
        return Err(malformed("the boundary must have 1 to 70 characters"));
    }
    let parts = parts(tap, &boundary, rules, keeper, &mut seen).await;
    if let Some(error) = tap.failure() {
        return Err(error.into());
    }
    let form = parts?;
    // Nothing may follow the last delimiter, and nothing may stand before the first.
    tap.drain().await?;
    if !tap.head().starts_with(format!("--{boundary}\r\n").as_bytes()) {
        return Err(malformed("the body does not begin with its boundary"));
    }
    let end = format!("\r\n--{boundary}--");
    let tail = tap.tail();
    let tail = tail.strip_suffix(b"\r\n").unwrap_or(tail);
    if !tail.ends_with(end.as_bytes()) {
        return Err(malformed("the body does not end with its boundary"));
    }
    Ok(form)
}

async fn parts(
    tap: &mut Tap,
    boundary: &str,
    rules: &Rules,
    keeper: Keeper,
    seen: &mut impl FnMut(FieldFacts),
) -> Result<Form, FormError> {
    let mut multipart = Multipart::new(tap.stream(), boundary);
    let mut keeper = Some(keeper);
    let mut file = None;
    let mut fields: Vec<FieldFacts> = Vec::new();
    while let Some(mut field) = multipart.next_field().await.map_err(malformed)? {
        let name = field.name().ok_or_else(|| malformed("a part has no name"))?.to_owned();
        let filename = field.file_name().map(str::to_owned);
        let content_type = field.content_type().map(ToString::to_string);
        let mut digest = Sha256::new();
        let mut bytes = 0u64;
        let facts = |bytes, digest: Sha256, text| FieldFacts {
            name: name.clone(),
            filename: filename.clone(),
            content_type: content_type.clone(),
            bytes,
            sha256: hex::encode(digest.finalize()),
            text,
        };
        if fields.iter().any(|field| field.name == name) {
            return Err(malformed(format!("the field {name} occurs twice")));
        }
        if name == rules.file {
            let Some(filename) = filename.clone().filter(|name| !name.is_empty()) else {
                return Err(malformed("the file has no file name"));
            };
            let Some(mut keeper) = keeper.take() else {
                return Err(malformed("more than one file"));
            };
            while let Some(chunk) = field.chunk().await.map_err(malformed)? {
                digest.update(&chunk);
                bytes += chunk.len() as u64;
                keeper.take(&chunk);
            }
            let facts = facts(bytes, digest, None);
            file = Some(FilePart {
                filename,
                content_type: facts.content_type.clone(),
                bytes,
                sha256: facts.sha256.clone(),
                kept: keeper.finish(),
            });
            seen(facts.clone());
            fields.push(facts);
        } else if rules.texts.contains(&name.as_str()) {
            if filename.is_some() {
                return Err(malformed(format!("the field {name} has a file name")));
            }
            let mut value = Vec::new();
            while let Some(chunk) = field.chunk().await.map_err(malformed)? {
                digest.update(&chunk);
                bytes += chunk.len() as u64;
                if value.len() + chunk.len() > LONGEST_TEXT {
                    return Err(malformed(format!("the field {name} is too long")));
                }
                value.extend_from_slice(&chunk);
            }
            let text = String::from_utf8(value).map_err(|_| malformed(format!("the field {name} is not UTF-8")))?;
            let facts = facts(bytes, digest, Some(text));
            seen(facts.clone());
            fields.push(facts);
        } else {
            return Err(malformed(format!("unknown field {name}")));
        }
    }
    match file {
        Some(file) => Ok(Form { file, fields }),
        None => Err(FormError::NoFile),
    }
}

fn malformed(reason: impl ToString) -> FormError {
    FormError::Malformed(reason.to_string())
}
