//! Requests of clients that go on to a vendor: `POST /v1/responses` and whatever else the operator opened.
//!
//! A front door asks for the target, begins, has the files named by the body found or copied, and sends. The answer
//! streams: nothing of it is held back but what may still turn out to be the credential.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use loadlock_audit::Event;
use loadlock_egress::{Call, Error as EgressError, ResponseBody};
use tokio::sync::OwnedSemaphorePermit;

use super::files::not_found;
use crate::audit::PendingAudit;
use crate::error::{Error, ErrorCode, Result};
use crate::forward::head;
use crate::forward::lane::ForwardLane;
use crate::forward::places::{ForwardPlace, LARGEST_BODY, too_large};
use crate::forward::references::{FileReference, references, replaced};
use crate::id;
use crate::metrics;
use crate::principal::{Principal, Scope};
use crate::state::gateway::Gateway;
use crate::state::provider::ProviderUnit;
use crate::view::File;

/// Parameters of a query in which vendors take a credential: the caller's own is not for them.
const CREDENTIALS: [&str; 5] = ["key", "api_key", "api-key", "access_token", "token"];

/// Where a request goes on to.
#[derive(Clone)]
pub struct ForwardTarget {
    unit: Arc<ProviderUnit>,
    method: String,
    path: String,
}

/// The rest of a request.
#[derive(Debug)]
pub struct ForwardRequest {
    /// As they came; few of them go on.
    pub headers: HeaderMap,
    /// Without its `?`.
    pub query: Option<String>,
    /// JSON, or nothing.
    pub body: Bytes,
}

/// What a vendor answered, its head made clean. The body streams.
pub type ForwardAnswer = Response<ForwardBody>;

/// A request that is under way. Dropped, it is recorded as cancelled.
pub struct Forwarding {
    gateway: Gateway,
    who: Principal,
    target: ForwardTarget,
    pending: PendingAudit,
    place: ForwardPlace,
    files: HashMap<String, File>,
}

impl ForwardTarget {
    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.unit.name
    }

    fn lane(&self) -> Result<&ForwardLane> {
        let lane = self.unit.forward.as_ref();
        lane.ok_or_else(|| Error::new(ErrorCode::NoSuchEndpoint, "the provider forwards nothing"))
    }

    fn scope(&self) -> Scope {
        match self.method.as_str() {
            "GET" => Scope::Read,
            "DELETE" => Scope::Delete,
            _ => Scope::Write,
        }
    }
}

impl Gateway {
    /// The provider that this request goes on to: the named one, or else the only one that forwards it. `paths` are
    /// its readings, the first that is a route counts. `None` if nobody forwards it.
    ///
    /// # Errors
    /// [`ErrorCode::ProviderUnknown`], [`ErrorCode::ProviderOutOfService`]; [`ErrorCode::RequestInvalid`] if several
    /// providers forward it and none is named.
    pub fn forward_target(
        &self,
        provider: Option<&str>,
        method: &str,
        paths: &[String],
    ) -> Result<Option<ForwardTarget>> {
        let units = match provider {
            Some(name) => vec![self.0.providers.named(name)?],
            None => self.0.providers.iter().collect(),
        };
        let mut targets = units.into_iter().filter_map(|unit| {
            let lane = unit.forward.as_ref()?;
            let path = paths.iter().find(|path| lane.route(method, path).is_some())?.clone();
            Some(ForwardTarget {
                method: method.to_owned(),
                path,
                unit,
            })
        });
        let first = targets.next();
        let others: Vec<String> = targets.map(|target| format!("`{}`", target.provider())).collect();
        if let (Some(first), false) = (&first, others.is_empty()) {
            let message = format!("`{}` and {} forward this request", first.provider(), others.join(", "));
            return Err(Error::new(ErrorCode::RequestInvalid, message).hint(
                "name one: `/v1/providers/NAME/…` in the place of `/v1/…`, or the header `x-loadlock-provider`",
            ));
        }
        Ok(first)
    }

    /// Room for a body of so many bytes while it is read and sent.
    ///
    /// # Errors
    /// [`ErrorCode::FileTooLarge`], [`ErrorCode::Overloaded`].
    pub async fn forward_room(&self, bytes: Option<u64>) -> Result<OwnedSemaphorePermit> {
        let bytes = bytes.unwrap_or(LARGEST_BODY as u64);
        self.0.callers.forwards.room(bytes).await
    }

    /// A body that has more bytes than were announced, or than may be.
    pub fn forward_too_large(&self) -> Error {
        too_large()
    }

    /// Begins a request: what it may do, a place for it, and one in the audit log.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::RateLimited`], [`ErrorCode::Overloaded`], [`ErrorCode::StateUnavailable`].
    pub async fn forward(&self, who: Principal, target: ForwardTarget) -> Result<Forwarding> {
        let mut pending = self.0.audit.begin_for(&who, Event::Forward).await?;
        pending.what().provider = Some(target.provider().to_owned());
        pending.what().detail = Some(format!("{} {}", target.method, target.path));
        let place = who.require(target.scope()).and_then(|()| {
            let own = self.0.share(who.tenant()).rules().at_once();
            self.0.callers.forwards.place(who.tenant(), own)
        });
        match place {
            Ok(place) => Ok(Forwarding {
                gateway: self.clone(),
                who,
                target,
                pending,
                place,
                files: HashMap::new(),
            }),
            Err(error) => Err(refused(pending, target.provider(), error).await),
        }
    }
}

/// Records the end of a request that did not leave, or got no answer.
async fn refused(pending: PendingAudit, provider: &str, error: Error) -> Error {
    metrics::forwarded(provider, error.code.as_str());
    let refused: Result<()> = Err(error.clone());
    pending.ended(&refused).await;
    error
}

impl Forwarding {
    /// Whose it is.
    pub fn who(&self) -> &Principal {
        &self.who
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        self.target.provider()
    }

    /// Ids of the caller's files that the body or the path names and the vendor does not have. Each has to be
    /// [`Self::found`] before the request is sent.
    ///
    /// # Errors
    /// [`ErrorCode::RequestInvalid`] for a body that is not JSON; [`ErrorCode::FileNotFound`] for an id that is not one
    /// of the caller's files.
    pub async fn missing(&mut self, body: &[u8]) -> Result<Vec<String>> {
        let mut ids: Vec<String> = self.named_in_path().map(|(_, id)| id.to_owned()).collect();
        if !body.is_empty() {
            ids.extend(references(body)?.into_iter().map(|reference| reference.id));
        }
        let mut missing = Vec::new();
        for named in ids {
            if self.files.contains_key(&named) || missing.contains(&named) {
                continue;
            }
            // Also what could be no id of anybody's: the vendor's own ids name files of every tenant.
            if !id::is_of_file(&named) {
                return Err(not_found(&named).hint(
                    "name the file by the id that it got here; `GET /v1/files` lists them, and a vendor's own ids are \
                     not accepted",
                ));
            }
            match self.gateway.get_at(&self.who, &named, self.target.provider()).await {
                Ok(file) => self.found(named, file),
                Err(error) if error.code == ErrorCode::NotAvailableThere => missing.push(named),
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// A file as the vendor has it.
    pub fn found(&mut self, id: String, file: File) {
        self.files.insert(id, file);
    }

    /// Segments of the path that name files, with their places.
    fn named_in_path(&self) -> impl Iterator<Item = (usize, &str)> {
        let segments = self.target.path.split('/').enumerate();
        segments.filter(|(_, segment)| id::is_of_file(segment))
    }

    /// Ends it without sending anything.
    pub async fn refuse(self, error: Error) -> Error {
        refused(self.pending, self.target.provider(), error).await
    }

    /// Sends it, and gives what the vendor answers as it comes. Nothing is sent twice.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`], [`ErrorCode::EgressDenied`], [`ErrorCode::ProviderUnreachable`] if nothing was sent,
    /// [`ErrorCode::ProviderFailed`] if there is no answer.
    pub async fn send(mut self, request: ForwardRequest) -> Result<ForwardAnswer> {
        match self.exchange(request).await {
            Ok(answer) => {
                let status = answer.status();
                let (method, path) = (&self.target.method, &self.target.path);
                self.pending.what().detail = Some(format!("{method} {path}: {}", status.as_u16()));
                metrics::forwarded(self.target.provider(), class(status));
                self.pending.ended(&Ok(())).await;
                let place = self.place;
                Ok(answer.map(|body| ForwardBody { body, _place: place }))
            }
            Err(error) => Err(self.refuse(error).await),
        }
    }

    async fn exchange(&mut self, request: ForwardRequest) -> Result<Response<ResponseBody>> {
        let ForwardRequest { headers, query, body } = request;
        let lane = self.target.lane()?;
        let body = match body.is_empty() {
            true => body,
            false => self.translated(&body)?,
        };
        let name = self.target.provider();
        let mut path_and_query = lane
            .route(&self.target.method, &self.target.path)
            .map(|route| route.at(&lane.base, &self.translated_path()))
            .ok_or_else(|| Error::new(ErrorCode::NoSuchEndpoint, "the provider does not forward this"))?;
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            check_query(&query)?;
            path_and_query = format!("{path_and_query}?{query}");
        }
        let allowed = lane.decide(name, &self.target.method, &path_and_query)?;
        let mut outgoing = Request::new(Full::new(body));
        *outgoing.headers_mut() = head::onward(&headers);
        let sent = lane.transport.send(outgoing, &allowed, &Call::default()).await;
        let mut response = sent.map_err(|error| lost(name, &error))?;
        head::back(response.headers_mut());
        Ok(response)
    }

    /// The body with the vendor's ids in the place of ours.
    fn translated(&self, body: &[u8]) -> Result<Bytes> {
        let references = references(body)?;
        if let Some(unknown) = references.iter().find(|one| !self.files.contains_key(&one.id)) {
            return Err(not_found(&unknown.id));
        }
        if references.is_empty() {
            return Ok(Bytes::copy_from_slice(body));
        }
        let remote = |reference: &FileReference| {
            let Some(file) = self.files.get(&reference.id) else {
                return String::new();
            };
            let uri = file.uri.as_ref().filter(|_| reference.is_uri);
            uri.unwrap_or(&file.remote_id).clone()
        };
        Ok(replaced(body, &references, remote).into())
    }

    fn translated_path(&self) -> String {
        let named: HashMap<usize, &str> = self.named_in_path().collect();
        let segments = self.target.path.split('/').enumerate().map(|(at, segment)| {
            let file = named.get(&at).and_then(|id| self.files.get(*id));
            file.map_or(segment, |file| file.remote_id.as_str())
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

/// No credential of the caller's goes on in a query.
fn check_query(query: &str) -> Result<()> {
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    for name in names {
        let decoded = unescaped(name);
        if CREDENTIALS
            .iter()
            .any(|known| decoded.eq_ignore_ascii_case(known.as_bytes()))
        {
            let message = format!("the parameter `{name}` does not go on to a vendor");
            return Err(Error::new(ErrorCode::RequestInvalid, message)
                .hint("send the token of this gateway in `Authorization`; the vendor's credential is added here"));
        }
    }
    Ok(())
}

fn unescaped(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        let escape = after.get(..2).filter(|_| *byte == b'%');
        let decoded = escape.and_then(|digits| hex::decode(digits).ok()?.pop());
        rest = if decoded.is_some() { &after[2..] } else { after };
        bytes.push(decoded.unwrap_or(*byte));
    }
    bytes
}

/// A request without an answer.
fn lost(name: &str, error: &EgressError) -> Error {
    match error.reached_upstream() {
        false => Error::new(ErrorCode::ProviderUnreachable, format!("`{name}`: {error}")),
        true => Error::new(ErrorCode::ProviderFailed, format!("`{name}` gave no answer: {error}"))
            .hint("the vendor may have carried the request out; look there before sending it again"),
    }
}

/// For a metric.
fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

/// The body of a vendor's answer, which has its place until it ends.
#[derive(Debug)]
pub struct ForwardBody {
    body: ResponseBody,
    _place: ForwardPlace,
}

impl Body for ForwardBody {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_goes_on_in_a_query() {
        for query in ["key=x", "a=b&API_KEY=x", "access_token", "%6bey=x"] {
            assert!(check_query(query).is_err(), "{query}");
        }
        assert!(check_query("after=batch_1&limit=20&include%5B%5D=x&z=%").is_ok());
    }
}
