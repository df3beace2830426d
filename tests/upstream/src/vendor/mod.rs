//! What each vendor takes and answers.
//!
//! Documented behaviour is imitated; where the documentation is silent the module of the vendor says "not documented"
//! and answers with a plain status. Every vendor here refuses an empty file.

pub mod anthropic;
pub mod gemini;
pub mod glm;
mod glm_token;
pub mod kimi;
mod models;
pub mod openai;
mod openai_uploads;

use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Uri};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::body::{BodyError, Tap};
use crate::form::{self, Form, FormError, Rules};
use crate::reply::{Content, Problem, Reply};
use crate::server::State;
use crate::store::{Keeper, StoredFile};
use crate::{Vendor, locked, s3};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `POST /files`.
    Create,
    /// `GET /files`.
    List,
    /// `GET /files/{id}`.
    Retrieve,
    /// `DELETE /files/{id}`.
    Delete,
    /// `GET /files/{id}/content`.
    Content,
    /// `POST /uploads`; the start of a resumable upload.
    CreateUpload,
    /// `POST /uploads/{id}/parts`; a request of a resumable upload that is not its last.
    AddPart,
    /// Where a resumable upload stands.
    QueryUpload,
    /// `POST /uploads/{id}/complete`.
    CompleteUpload,
    /// `POST /uploads/{id}/cancel`.
    CancelUpload,
    /// A call of a model, or about a batch.
    Model,
}

/// A request that has an operation.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    pub(crate) id: String,
    /// The version in the path, of vendors that have several.
    pub(crate) version: String,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    query: Vec<(String, String)>,
}

impl Call {
    /// The first value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Every value of a query parameter.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let found = self.query.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).collect()
    }
}

/// Why an operation gives no success.
pub(crate) enum Failed {
    Problem(Problem),
    Body(BodyError),
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<BodyError> for Failed {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

/// What an operation may use.
pub(crate) struct Exchange<'a> {
    pub(crate) state: &'a Arc<State>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) number: u64,
    pub(crate) call: &'a Call,
}

impl Exchange<'_> {
    /// Reads a form, recording its parts. `problem` is the vendor's word for a form that is not good.
    pub(crate) async fn form(
        &self,
        tap: &mut Tap,
        rules: &Rules,
        keeper: Keeper,
        problem: impl Fn(&FormError) -> Problem,
    ) -> Result<Form, Failed> {
        let content_type = self.header(CONTENT_TYPE);
        let requests = &self.state.requests;
        let seen = |facts| requests.update(self.number, |request| request.fields.push(facts));
        match form::read(tap, content_type, rules, keeper, seen).await {
            Ok(form) => Ok(form),
            Err(FormError::Body(error)) => Err(error.into()),
            Err(error) => Err(problem(&error).into()),
        }
    }

    /// A JSON body of at most 64 KiB.
    pub(crate) async fn json(&self, tap: &mut Tap) -> Result<Option<Value>, BodyError> {
        let text = tap.collect(64 * 1024).await?;
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    /// What the options say about keeping a file.
    pub(crate) fn keeper(&self) -> Keeper {
        Keeper::new(self.state.options.keep_bytes, self.state.options.spill)
    }

    pub(crate) fn header(&self, name: http::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The credential of `Authorization: Bearer …`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let value = self.header(AUTHORIZATION)?;
        value.strip_prefix("Bearer ").filter(|key| !key.is_empty())
    }

    /// One of the accepted keys, as it is.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.state.options.keys.iter().any(|known| known == key)
    }

    pub(crate) fn add(&self, file: StoredFile) {
        locked(&self.state.files.0).files.push(file);
    }

    /// A kept content, as it was uploaded; `None` if there is no such file.
    pub(crate) fn raw(&self, media_type: &str) -> Option<Result<Reply, Problem>> {
        let file = self.state.files.get(&self.call.id)?;
        if file.kept.pieces().is_none() {
            return Some(Err(not_kept()));
        }
        Some(Ok(Reply {
            status: 200,
            headers: Vec::new(),
            content: Content::File {
                media_type: media_type.to_owned(),
                bytes: file.bytes,
                kept: file.kept,
            },
        }))
    }

    /// A kept content as text, the way a vendor's extraction would give it.
    pub(crate) fn text(&self, file: &StoredFile) -> Result<String, Problem> {
        let pieces = file.kept.pieces().ok_or_else(not_kept)?;
        let mut whole = Vec::new();
        for piece in pieces {
            let piece = piece.map_err(|error| Problem::new(500, error.to_string()))?;
            whole.extend_from_slice(&piece);
        }
        Ok(String::from_utf8_lossy(&whole).into_owned())
    }
}

fn not_kept() -> Problem {
    Problem::new(501, "this fake did not keep the content: raise keep_bytes or set spill")
}

/// Seconds since 1970 as RFC 3339.
fn rfc3339(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |instant| instant.to_string())
}

/// What a request asks for; a 404 or 405 in the vendor's words if nothing.
pub(crate) fn route(vendor: Vendor, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Call, Problem> {
    let missing = || Problem::new(404, format!("Invalid URL ({method} {})", uri.path()));
    if vendor == Vendor::S3 {
        let (operation, key) = s3::operation(method, uri).ok_or_else(|| missing().code("NoSuchBucket"))?;
        return Ok(call(operation, &key, "", method, uri));
    }
    let (path, version) = beneath(vendor, uri).ok_or_else(missing)?;
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if models::is_one(method.as_str(), &segments) {
        return Ok(call(Operation::Model, &segments.join("/"), version, method, uri));
    }
    let (id, table): (&str, &[(&str, Operation)]) = match *segments.as_slice() {
        ["upload", "files"] => {
            let operation = gemini::operation(headers)
                .filter(|_| *method == Method::POST)
                .ok_or_else(missing)?;
            return Ok(call(operation, "", version, method, uri));
        }
        ["files"] => ("", &[("POST", Operation::Create), ("GET", Operation::List)]),
        ["files", id] if !id.is_empty() => (id, &[("GET", Operation::Retrieve), ("DELETE", Operation::Delete)]),
        ["files", id, "content"] => (id, &[("GET", Operation::Content)]),
        ["uploads"] => ("", &[("POST", Operation::CreateUpload)]),
        ["uploads", id, "parts"] => (id, &[("POST", Operation::AddPart)]),
        ["uploads", id, "complete"] => (id, &[("POST", Operation::CompleteUpload)]),
        ["uploads", id, "cancel"] => (id, &[("POST", Operation::CancelUpload)]),
        _ => return Err(missing()),
    };
    let operation = table.iter().find(|(verb, _)| *verb == method.as_str());
    let Some((_, operation)) = operation else {
        return Err(Problem::new(405, format!("Not allowed to {method} here")));
    };
    if !offers(vendor, *operation) {
        return Err(missing());
    }
    Ok(call(*operation, id, version, method, uri))
}

fn call(operation: Operation, id: &str, version: &str, method: &Method, uri: &Uri) -> Call {
    Call {
        operation,
        id: id.to_owned(),
        version: version.to_owned(),
        method: method.clone(),
        uri: uri.clone(),
        query: form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
    }
}

/// The path beneath the vendor's, as the others have it, and the version in it.
fn beneath(vendor: Vendor, uri: &Uri) -> Option<(String, &'static str)> {
    let path = uri.path();
    match vendor {
        Vendor::Gemini => ["v1", "v1beta"].into_iter().find_map(|version| {
            let upload = path.strip_prefix("/upload").filter(|rest| rest.starts_with("/v1"));
            let rest = upload.unwrap_or(path).strip_prefix(&format!("/{version}/"))?;
            let before = if upload.is_some() { "/upload" } else { "" };
            Some((format!("{before}/{rest}"), version))
        }),
        Vendor::Anthropic => Some((path.strip_prefix("/v1")?.to_owned(), "v1")),
        Vendor::Azure => {
            let classic = || {
                path.strip_prefix("/openai")
                    .filter(|_| uri.query().is_some_and(|it| it.contains("api-version=")))
            };
            Some((path.strip_prefix("/openai/v1").or_else(classic)?.to_owned(), ""))
        }
        _ => Some((path.strip_prefix(vendor.base_path())?.to_owned(), "")),
    }
}

fn offers(vendor: Vendor, operation: Operation) -> bool {
    match vendor {
        Vendor::Openai | Vendor::Azure | Vendor::S3 => true,
        Vendor::Anthropic | Vendor::Xai => anthropic::offers(operation),
        Vendor::Gemini => operation != Operation::Create && operation != Operation::Content,
        Vendor::Kimi => kimi::offers(operation),
        Vendor::Glm(site) => glm::offers(site, operation),
    }
}

/// Carries a request out.
pub(crate) async fn perform(
    state: &Arc<State>,
    headers: &HeaderMap,
    number: u64,
    call: &Call,
    tap: &mut Tap,
) -> Result<Reply, Failed> {
    let exchange = Exchange {
        state,
        headers,
        number,
        call,
    };
    if call.operation == Operation::Model {
        return models::perform(&exchange, tap).await;
    }
    match state.vendor {
        Vendor::Openai | Vendor::Azure | Vendor::Xai => openai::perform(&exchange, tap).await,
        Vendor::Anthropic => anthropic::perform(&exchange, tap).await,
        Vendor::Gemini => gemini::perform(&exchange, tap).await,
        Vendor::S3 => s3::perform(&exchange, tap).await,
        Vendor::Kimi => kimi::perform(&exchange, tap).await,
        Vendor::Glm(site) => glm::perform(&exchange, site, tap).await,
    }
}

/// A problem in the vendor's shape.
pub(crate) fn render(vendor: Vendor, problem: Problem) -> Reply {
    let body = match vendor {
        Vendor::S3 => return s3::error(&problem),
        Vendor::Openai | Vendor::Azure | Vendor::Xai => openai::error(&problem),
        Vendor::Anthropic => anthropic::error(&problem),
        Vendor::Gemini => gemini::error(&problem),
        Vendor::Kimi => kimi::error(&problem),
        Vendor::Glm(_) => glm::error(&problem),
    };
    Reply {
        status: problem.status,
        headers: problem.headers,
        content: Content::Json(body),
    }
}
