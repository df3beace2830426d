//! The calls of a Files API.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{DeletedObject, FileObject, ListObject, VendorError};
use crate::failure::kind_of_status;
use crate::file::AdmittedReader;
use crate::http::{Answer, Base, JSON_BYTES, Request, segment};
use crate::multipart::Form;
use crate::types::{AdmittedFile, Deletion, Failure, FailureKind, RemoteFile, RemotePage, UploadOptions};

/// What a vendor's code means; `None` leaves it to the status.
pub type Classify = fn(status: u16, error: &VendorError) -> Option<FailureKind>;

/// Longest list answer that is read. Vendors that do not page give up to a thousand files of some 300 bytes, and names
/// may be long.
const LIST_BYTES: u64 = 4 << 20;

/// A Files API at one address.
pub struct Api {
    /// Where it is.
    pub base: Base,
    /// How its errors are understood.
    pub classify: Classify,
}

impl Api {
    /// `POST /files`: the form's purpose, then `fields`, then the file under the remote name.
    ///
    /// # Errors
    /// A classified failure; `outcome_unknown` if the file was sent whole and no answer could be read.
    pub fn upload(
        &self,
        file: &AdmittedFile,
        options: &UploadOptions,
        fields: &[(&str, String)],
    ) -> Result<RemoteFile, Failure> {
        let form = Form::new().field("purpose", &options.purpose);
        let form = fields
            .iter()
            .fold(form, |form, (name, value)| form.field(name, value))
            .file("file", &options.remote_name, &file.media_type);
        let reader = AdmittedReader::open(file)?;
        let request = Request::post(&self.base, "/files").form(&form, reader.whole())?;
        let mut answer = self.call(request).map_err(|failure| self.misplaced(failure))?;
        let stored: FileObject = self.read(&mut answer, JSON_BYTES)?;
        stored
            .remote_file(file.size)
            .map_err(|failure| answer.describe(failure))
    }

    /// `GET /files/{id}`.
    ///
    /// # Errors
    /// `not-found` if the vendor has none, or a classified failure.
    pub fn stat(&self, id: &str) -> Result<RemoteFile, Failure> {
        let request = Request::get(&self.base, &format!("/files/{}", segment(id)?));
        let mut answer = self.call(request)?;
        let found: FileObject = self.read(&mut answer, JSON_BYTES)?;
        if found.id != id {
            return Err(Failure::protocol(
                "the vendor described a different file than the one asked for",
            ));
        }
        found.remote_file(0)
    }

    /// `GET /files` with these query parameters.
    ///
    /// # Errors
    /// A classified failure.
    pub fn list(&self, query: &[(&str, &str)]) -> Result<ListObject, Failure> {
        let request = query
            .iter()
            .fold(Request::get(&self.base, "/files"), |request, (name, value)| {
                request.query(name, value)
            });
        let mut answer = self.call(request)?;
        self.read(&mut answer, LIST_BYTES)
    }

    /// One page of `GET /files` where the vendor pages by `limit` and `after`.
    ///
    /// # Errors
    /// A classified failure.
    pub fn page(&self, purpose: Option<&str>, cursor: Option<&str>, limit: u32) -> Result<RemotePage, Failure> {
        let limit = limit.max(1).to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(purpose.map(|purpose| ("purpose", purpose)));
        query.extend(cursor.map(|cursor| ("after", cursor)));
        self.list(&query)?.page(cursor)
    }

    /// `DELETE /files/{id}`.
    ///
    /// # Errors
    /// A classified failure; `protocol` if the vendor answers a success but does not say that the file is deleted.
    pub fn delete(&self, id: &str) -> Result<Deletion, Failure> {
        let request = Request::delete(&self.base, &format!("/files/{}", segment(id)?));
        let mut answer = match self.call(request) {
            Ok(answer) => answer,
            Err(failure) if failure.kind == FailureKind::NotFound => {
                return Ok(Deletion::AlreadyGone);
            }
            Err(failure) => return Err(failure),
        };
        let deleted: DeletedObject = self.read(&mut answer, JSON_BYTES)?;
        if deleted.deleted {
            Ok(Deletion::Deleted)
        } else {
            Err(Failure::protocol("the vendor did not say that the file is deleted").with_status(answer.status()))
        }
    }

    /// `GET /files/{id}/content`: a successful answer whose body has not been read.
    ///
    /// # Errors
    /// `not-found` if the vendor has none, or a classified failure.
    pub fn content(&self, id: &str) -> Result<Answer, Failure> {
        let below = format!("/files/{}/content", segment(id)?);
        self.call(Request::get(&self.base, &below))
    }

    /// Sends a request and takes only a success for an answer.
    ///
    /// # Errors
    /// Every other status, classified by body and status.
    pub fn call(&self, request: Request<'_>) -> Result<Answer, Failure> {
        let mut answer = request.send()?;
        if answer.is_success() {
            return Ok(answer);
        }
        // The status is an answer even if the body breaks off.
        let body = answer.bytes(JSON_BYTES).unwrap_or_default();
        let error = VendorError::parse(&body);
        Err(answer.describe(self.failure(answer.status(), &error)))
    }

    /// Reads the JSON of a success. Some vendors write errors under status 200; a code there is an error too.
    ///
    /// # Errors
    /// `protocol` if it is not of this shape; `outcome_unknown` where that leaves the outcome open.
    pub fn read<T: DeserializeOwned>(&self, answer: &mut Answer, cap: u64) -> Result<T, Failure> {
        let value: Value = answer.json(cap)?;
        let hidden = value.get("id").is_none() && value.get("data").is_none();
        if let Some(error) = VendorError::of(&value).filter(|error| hidden && error.code.is_some()) {
            let kind = (self.classify)(answer.status(), &error).unwrap_or(FailureKind::Rejected);
            return Err(error
                .failure(kind, answer.status())
                .with_retry_after_ms(answer.retry_after_ms()));
        }
        serde_json::from_value(value).map_err(|error| {
            answer.describe(Failure::protocol(format!(
                "the answer is not the expected JSON: {error}"
            )))
        })
    }

    fn failure(&self, status: u16, error: &VendorError) -> Failure {
        let kind = (self.classify)(status, error).unwrap_or_else(|| kind_of_status(status));
        let failure = error.failure(kind, status);
        match status {
            300..=399 => failure.with_hint("a redirect is not followed: check the setting `base_url`"),
            _ => failure,
        }
    }

    /// No upload can meet a missing file: a 404 there means that the address is wrong.
    pub fn misplaced(&self, failure: Failure) -> Failure {
        if failure.kind != FailureKind::NotFound {
            return failure;
        }
        Failure {
            kind: FailureKind::Internal,
            ..failure.with_hint(&format!(
                "there is no such API at {}{}: check the setting `base_url`",
                self.base.origin(),
                self.base.path_of("")
            ))
        }
    }
}
