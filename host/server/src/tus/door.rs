//! One request: who asks, which method, which upload.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, EXPECT};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use loadlock_gateway::{Error, ErrorCode, Scope, Session};
use tracing::Instrument;

use super::answer::describe;
use super::append::{append, settled};
use super::checksum::ALGORITHMS;
use super::concat::PREFIX;
use super::create::create;
use super::find::{find, remove};
use super::problem::Problem;
use super::protocol::{self, VERSION, one};
use super::session::{Door, take};
use super::shared::{Tus, TusCaller};
use crate::grants::{Granted, presented};
use crate::identity::authenticate;

/// Most that is read of a refused request's body, and for how long.
const DRAIN_BYTES: usize = 64 << 20;
const DRAIN: Duration = Duration::from_secs(5);

impl Tus {
    /// Answers a request.
    pub(crate) async fn serve(self, request: Request) -> Response {
        let mut response = self.dispatch(request).await.unwrap_or_else(IntoResponse::into_response);
        let headers = response.headers_mut();
        headers.insert(protocol::TUS_RESUMABLE, HeaderValue::from_static(VERSION));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn dispatch(self, request: Request) -> Result<Response, Problem> {
        let (parts, body) = request.into_parts();
        let granted = match presented(&parts.uri) {
            // Nobody who was given a grant has to have a token as well.
            Some(presented) if !parts.headers.contains_key(AUTHORIZATION) => {
                Some(Granted::find(&self.app, &parts.uri, presented).await?)
            }
            _ => None,
        };
        let who = match &granted {
            Some(granted) => granted.owner(),
            None => authenticate(&self.app, &parts.headers).await?,
        };
        if granted.is_none() {
            crate::query::only(&parts.uri, &[])?;
        }
        let method = match one(&parts.headers, &protocol::X_HTTP_METHOD_OVERRIDE)? {
            None => parts.method.clone(),
            // For clients and proxies that know no `PATCH`.
            Some(name) => Method::from_bytes(name.to_ascii_uppercase().as_bytes())
                .map_err(|_| Problem::invalid("`X-HTTP-Method-Override` is not an HTTP method"))?,
        };
        if method == Method::OPTIONS {
            return Ok(self.options());
        }
        match one(&parts.headers, &protocol::TUS_RESUMABLE)? {
            Some(VERSION) => {}
            other => return Err(Problem::version(other)),
        }
        who.require(Scope::Write)?;
        let path = parts.uri.path();
        let id = path.strip_prefix(PREFIX).unwrap_or_default().to_owned();
        let app = self.app.clone();
        // A task of its own: a connection that breaks must not stop bytes on their way to the disk, or a file on its
        // way to a provider.
        let task = async move {
            let mut body = body;
            let caller = TusCaller { who, granted };
            let result = self.act(&method, &id, &caller, &parts, &mut body).await;
            if result.is_err() && !parts.headers.contains_key(EXPECT) {
                tokio::spawn(drain(body));
            }
            result
        };
        let task = app.uploads().spawn(task.in_current_span());
        task.await.unwrap_or_else(|error| {
            let message = format!("the request's task ended: {error}");
            Err(Error::new(ErrorCode::Internal, message).into())
        })
    }

    async fn act(
        &self,
        method: &Method,
        id: &str,
        caller: &TusCaller,
        parts: &Parts,
        body: &mut Body,
    ) -> Result<Response, Problem> {
        let TusCaller { who, granted } = caller;
        if id.is_empty() {
            return match *method {
                Method::POST => create(self, caller, &parts.headers, body).await,
                _ => Err(Problem::method(method, "OPTIONS, POST")),
            };
        }
        if granted.as_ref().is_some_and(|granted| !granted.is_for(id)) {
            return Err(Problem::not_found());
        }
        let session = find(self.app.gateway(), who, id)?;
        match *method {
            Method::HEAD => {
                // Whoever asks for the offset goes on from there: an earlier request must not move it any more.
                let _turn = take(&session).await?;
                settled(&session).await?;
                describe(&session)
            }
            Method::PATCH => append(self, who, &session, &parts.headers, body).await,
            Method::DELETE => self.terminate(session).await,
            _ => Err(Problem::method(method, "OPTIONS, HEAD, PATCH, DELETE")),
        }
    }

    fn options(&self) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (protocol::TUS_VERSION, VERSION),
            (protocol::TUS_EXTENSION, protocol::EXTENSIONS),
            (protocol::TUS_CHECKSUM_ALGORITHM, ALGORITHMS),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(protocol::TUS_MAX_SIZE, self.most().into());
        response
    }

    /// Ends an upload. A file that is stored already is none of this: it is deleted at `/v1/files`.
    async fn terminate(&self, session: Session) -> Result<Response, Problem> {
        let turn = take(&session).await?;
        let storing = Door::of(&session)?.storing().clone();
        if let Some(mut storing) = storing {
            storing.cancel.cancel();
            // However it ends: a file that was stored in this moment stays one.
            let _ = storing.end.wait_for(Option::is_some).await;
        }
        remove(self.app.gateway(), &session, turn).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

/// Reads what a client still sends while it is answered: a connection that is closed over unread bytes is reset, and
/// the client would lose the answer.
async fn drain(mut body: Body) {
    let mut left = DRAIN_BYTES;
    let all = async {
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.data_ref().map_or(0, bytes::Bytes::len);
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN, all).await;
}
