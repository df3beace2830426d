//! HTTP requests through `wasi:http/outgoing-handler`, in the order that cannot hang.
//!
//! The request is handed over **before** its body is written: the body pipe holds two chunks, so writing first blocks
//! for ever at the third. The body of a file moves from host to host by `blocking-splice`, without a copy in the guest.
//! A server may answer while the body is still going out, typically 413: then the body stops, and that answer is the
//! answer. Nothing is retried here, and no redirect is followed.

mod answer;
mod base;
mod codes;
mod exchange;

pub use answer::{Answer, JSON_BYTES};
pub use base::{Base, segment};
pub(crate) use codes::of_stream;

use crate::file::FileRange;
use crate::multipart::Form;
use crate::types::Failure;

/// A request method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of RFC 9110")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
}

impl Method {
    /// The upper-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One request, built step by step and sent once.
///
/// ```no_run
/// # use loadlock_sdk::{file::AdmittedReader, http::{Base, Request}, multipart::Form, types::*};
/// # fn upload(file: AdmittedFile, options: UploadOptions) -> Result<(), Failure> {
/// let base = Base::parse("https://api.example.com/v1").map_err(Failure::internal)?;
/// let form = Form::new()
///     .field("purpose", &options.purpose)
///     .file("file", &options.remote_name, &file.media_type);
/// let answer = Request::post(&base, "/files")
///     .form(&form, AdmittedReader::open(&file)?.whole())?
///     .send()?;
/// # Ok(())
/// # }
/// ```
pub struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) base: &'a Base,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) prefix: Vec<u8>,
    pub(crate) file: Option<FileRange<'a>>,
    pub(crate) suffix: Vec<u8>,
    pub(crate) has_body: bool,
    pub(crate) stores: bool,
}

impl<'a> Request<'a> {
    /// A request for `below` (starting with `/`, segments already encoded with [`segment`]) beneath `base`.
    ///
    /// POST and PUT count as storing: if such a request was sent whole and its answer is lost, the failure says
    /// `outcome_unknown`. Call [`stores_nothing`](Request::stores_nothing) where that cannot be.
    pub fn new(method: Method, base: &'a Base, below: &str) -> Self {
        Self {
            method,
            base,
            path: base.path_of(below),
            headers: Vec::new(),
            prefix: Vec::new(),
            file: None,
            suffix: Vec::new(),
            has_body: false,
            stores: matches!(method, Method::Post | Method::Put),
        }
    }

    /// A GET request.
    pub fn get(base: &'a Base, below: &str) -> Self {
        Self::new(Method::Get, base, below)
    }

    /// A HEAD request.
    pub fn head(base: &'a Base, below: &str) -> Self {
        Self::new(Method::Head, base, below)
    }

    /// A PUT request.
    pub fn put(base: &'a Base, below: &str) -> Self {
        Self::new(Method::Put, base, below)
    }

    /// A POST request.
    pub fn post(base: &'a Base, below: &str) -> Self {
        Self::new(Method::Post, base, below)
    }

    /// A DELETE request.
    pub fn delete(base: &'a Base, below: &str) -> Self {
        Self::new(Method::Delete, base, below)
    }

    /// Appends a query parameter, encoding name and value.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(&base::encoded(name));
        self.path.push('=');
        self.path.push_str(&base::encoded(value));
        self
    }

    /// Adds a header. A header that carries a credential is removed by the host; operators grant credentials, not
    /// providers.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Says that a lost answer to this request leaves no file behind, whatever its method.
    pub fn stores_nothing(mut self) -> Self {
        self.stores = false;
        self
    }

    /// Sends `value` as JSON.
    pub fn json(self, value: &serde_json::Value) -> Self {
        self.text(value.to_string(), "application/json")
    }

    /// Sends a text that this component holds.
    pub fn text(mut self, text: String, media_type: &str) -> Self {
        self.prefix = text.into_bytes();
        self.has_body = true;
        self.header("content-type", media_type)
    }

    /// Sends `form` with these bytes as its file.
    ///
    /// # Errors
    /// `internal` if the form cannot be framed.
    pub fn form(mut self, form: &Form, file: FileRange<'a>) -> Result<Self, Failure> {
        let frame = form.frame(file.bytes())?;
        self.prefix = frame.prefix;
        self.suffix = frame.suffix;
        self.file = Some(file);
        self.has_body = true;
        Ok(self.header("content-type", frame.content_type))
    }

    /// Sends these bytes of a file as the whole body.
    pub fn raw(mut self, file: FileRange<'a>, media_type: &str) -> Self {
        self.file = Some(file);
        self.has_body = true;
        self.header("content-type", media_type)
    }

    /// Length of the body in bytes, as `content-length` says it: of a request without one it is 0 where the method lets
    /// servers wait for a body. Hosts send a body of an unknown length in chunks, which many servers refuse for DELETE.
    pub fn content_length(&self) -> Option<u64> {
        let file = self.file.as_ref().map_or(0, FileRange::bytes);
        let may_have_none = matches!(self.method, Method::Get | Method::Head);
        (self.has_body || !may_have_none).then(|| file + (self.prefix.len() + self.suffix.len()) as u64)
    }

    /// Sends it and waits for the head of the answer, whatever its status.
    ///
    /// # Errors
    /// `transport` or `timeout` if no answer came; `internal` if the host does not allow the request or the file could
    /// not be read. The code is the host's word for it, as in `wasi:http`, for example `connection-refused`.
    pub fn send(self) -> Result<Answer, Failure> {
        exchange::exchange(self)
    }
}

/// The header that a host without credential injection passes in `LOADLOCK_AUTH_HEADER`, written `Name: value`.
/// Loadlock itself never sets the variable.
pub(crate) fn ambient_credential(variable: Option<String>) -> Option<(String, String)> {
    let variable = variable?;
    let (name, value) = variable.split_once(':')?;
    let (name, value) = (name.trim(), value.trim());
    (!name.is_empty() && !value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn queries_are_encoded() {
        let base = Base::parse("https://host/v1").unwrap();
        let request = Request::get(&base, "/files")
            .query("purpose", "a&b")
            .query("after", "é");
        assert_eq!(request.path, "/v1/files?purpose=a%26b&after=%C3%A9");
        assert_eq!(request.content_length(), None);
        assert!(!request.stores);
    }

    #[test]
    fn a_request_without_a_body_says_so_unless_its_method_does() {
        let base = Base::parse("https://host").unwrap();
        let length = |method| Request::new(method, &base, "/files/1").content_length();
        assert_eq!((length(Method::Get), length(Method::Head)), (None, None));
        for method in [Method::Delete, Method::Post, Method::Put] {
            assert_eq!(length(method), Some(0), "{method:?}");
        }
    }

    #[test]
    fn posts_store_unless_they_say_otherwise() {
        let base = Base::parse("https://host").unwrap();
        let request = Request::post(&base, "/uploads").json(&serde_json::json!({"bytes": 1}));
        assert_eq!(request.content_length(), Some(11));
        assert!(request.stores);
        assert!(!request.stores_nothing().stores);
    }

    #[test]
    fn the_ambient_credential_is_a_header_line() {
        let read = |text: &str| ambient_credential(Some(text.to_owned()));
        assert_eq!(
            read("Authorization: Bearer a:b"),
            Some(("Authorization".to_owned(), "Bearer a:b".to_owned()))
        );
        assert_eq!(read("nonsense"), None);
        assert_eq!(read("x-key:"), None);
        assert_eq!(ambient_credential(None), None);
    }
}
