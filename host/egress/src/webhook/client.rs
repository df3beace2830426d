//! The way to one receiver.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use loadlock_policy::egress::{
    Allowed, EgressGrant, EgressPolicy, Method, Origin, PathPrefix, RequestFacts, parse_url,
};
use loadlock_policy::model::{EgressNeed, Operation};

use crate::connect::Resolver;
use crate::proxy::Proxy;
use crate::tls::Roots;
use crate::webhook::WebhookSecrets;
use crate::{Call, Limits, Timeouts, Transport};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Standard Webhooks gives a receiver 15 to 30 seconds.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(15),
    between_bytes: Duration::from_secs(5),
    total: Duration::from_secs(20),
};
/// Of an answer nothing but its head is looked at; so much is read, that its connection can be used again.
const ANSWER: usize = 4 * 1024;

/// Where a receiver is.
#[derive(Clone, Debug)]
pub struct WebhookTarget {
    /// Scheme, host and port.
    pub origin: Origin,
    /// The path there.
    pub path: PathPrefix,
    /// Whether it may be on a private network.
    pub private: bool,
}

/// How a receiver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// The status.
    pub status: u16,
    /// The pause that it asks for, in whole seconds.
    pub retry_after: Option<Duration>,
}

/// One receiver, with connections of its own.
pub struct WebhookClient {
    transport: Transport,
    target: WebhookTarget,
    allowed: Allowed,
    secrets: WebhookSecrets,
}

impl WebhookClient {
    /// Judges the address, and makes the way ready.
    ///
    /// # Errors
    /// Why there is none, in words without a secret.
    pub fn new(
        target: &WebhookTarget,
        secrets: WebhookSecrets,
        resolver: Option<Arc<dyn Resolver>>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let origin = &target.origin;
        let limits = Limits {
            response_headers: 100,
            response_header_bytes: 16 * 1024,
            in_flight: 16,
            idle_connections: 2,
            ..Limits::default()
        };
        let mut builder = Transport::builder("webhooks", vec![origin.clone()])
            .roots(Roots::Platform)
            .proxy(Proxy::Refuse)
            .timeouts(TIMEOUTS)
            .limits(limits)
            .for_host(false);
        if let Some(resolver) = resolver {
            builder = builder.resolver(resolver);
        }
        Ok(Self {
            transport: builder.build(env).map_err(|error| error.to_string())?,
            allowed: decide(target, None)?,
            target: target.clone(),
            secrets,
        })
    }

    /// Sends one message, once; `at` is another URL beneath the receiver's.
    ///
    /// # Errors
    /// Why there is no answer, in words without a secret.
    pub async fn send(&self, at: Option<&str>, id: &str, timestamp: u64, body: Bytes) -> Result<WebhookAnswer, String> {
        let signature = self.secrets.signatures(id, timestamp, &body);
        let length = body.len();
        let mut request = Request::new(Full::new(body));
        let headers = request.headers_mut();
        for (name, text) in [
            (ID, id),
            (TIMESTAMP, &timestamp.to_string()),
            (SIGNATURE, &signature),
            (CONTENT_TYPE, "application/json"),
            (USER_AGENT, "loadlock"),
        ] {
            let value = HeaderValue::from_str(text).map_err(|_| format!("`{name}` cannot be sent"))?;
            headers.insert(name, value);
        }
        headers.insert(CONTENT_LENGTH, length.into());
        let elsewhere = at.map(|url| beneath(&self.target, url)).transpose()?;
        let allowed = elsewhere.as_ref().unwrap_or(&self.allowed);
        let sent = self.transport.send(request, allowed, &Call::default()).await;
        let response = sent.map_err(|error| error.to_string())?;
        let answer = WebhookAnswer {
            status: response.status().as_u16(),
            retry_after: retry_after(response.headers()),
        };
        // One that is longer, or breaks off, has answered all the same.
        let _ = Limited::new(response.into_body(), ANSWER).collect().await;
        Ok(answer)
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The decision for a URL beneath the receiver's.
fn beneath(target: &WebhookTarget, url: &str) -> Result<Allowed, String> {
    let (origin, path) = parse_url(url).map_err(|error| error.to_string())?;
    if origin != target.origin {
        return Err("it is at another origin than the webhook that allows it".to_owned());
    }
    decide(target, Some(&path))
}

/// The decision that every message needs.
fn decide(target: &WebhookTarget, beneath: Option<&PathPrefix>) -> Result<Allowed, String> {
    let WebhookTarget { origin, path, private } = target;
    let grant = EgressGrant {
        origin: origin.clone(),
        prefix: path.clone(),
        methods: [Method::Post].into(),
        private: *private,
        exact: beneath.is_none(),
    };
    let need = EgressNeed {
        origin: origin.to_string(),
        path_prefix: path.as_str().to_owned(),
        methods: vec![Method::Post.to_string()],
        operations: vec![Operation::Track],
    };
    let policy = EgressPolicy::new("webhooks", &[need], false, vec![grant]).map_err(|error| error.to_string())?;
    let facts = RequestFacts {
        scheme: origin.scheme.as_str(),
        authority: &origin.host_header(),
        path_and_query: beneath.unwrap_or(path).as_str(),
        method: Method::Post.as_str(),
        operation: Operation::Track,
        remote_id: None,
    };
    policy.decide(&facts).map_err(|denied| denied.reason.to_string())
}
