//! The host's own way to the endpoints that give credentials: security token services, token endpoints, metadata
//! services. No component has a part in it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use loadlock_policy::egress::{Allowed, EgressGrant, EgressPolicy, Method, RequestFacts};
use loadlock_policy::model::{EgressNeed, Operation};
use zeroize::Zeroizing;

use crate::connect::Resolver;
use crate::credential::is_metadata;
use crate::credential::token_client::{EndpointAddresses, MOST_BYTES, TokenAnswer, TokenClient, TokenRequest};
use crate::proxy::Proxy;
use crate::tls::Roots;
use crate::{Call, Limits, Timeouts, Transport};

/// An upload waits for it: a token endpoint that takes longer is as good as down.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(10),
    between_bytes: Duration::from_secs(5),
    total: Duration::from_secs(15),
};

/// Asks through a transport of its own for each request: an hour lies between two.
pub struct HostClient {
    provider: String,
    roots: Roots,
    resolver: Option<Arc<dyn Resolver>>,
}

impl HostClient {
    /// For the credential of this provider, whose authorities are believed here too.
    pub fn new(provider: &str, roots: Roots, resolver: Option<Arc<dyn Resolver>>) -> Self {
        Self {
            provider: format!("{provider} (credential)"),
            roots,
            resolver,
        }
    }

    /// The decision that every request needs, on the one that was asked for.
    fn decide(&self, request: &TokenRequest) -> Result<Allowed, String> {
        let TokenRequest {
            method, origin, path, ..
        } = request;
        let private = request.addresses != EndpointAddresses::Public || origin.host.is_loopback();
        let grant = EgressGrant::parse(&origin.to_string(), path, [*method], private);
        let need = EgressNeed {
            origin: origin.to_string(),
            path_prefix: path.clone(),
            methods: vec![method.to_string()],
            operations: vec![Operation::Track],
        };
        let grants = vec![grant.map_err(|error| error.to_string())?];
        let policy = EgressPolicy::new(&self.provider, &[need], false, grants).map_err(|error| error.to_string())?;
        let facts = RequestFacts {
            scheme: origin.scheme.as_str(),
            authority: &origin.host_header(),
            path_and_query: path,
            method: method.as_str(),
            operation: Operation::Track,
            remote_id: None,
        };
        policy.decide(&facts).map_err(|denied| denied.reason.to_string())
    }

    async fn exchange(&self, request: TokenRequest) -> Result<TokenAnswer, String> {
        let allowed = self.decide(&request)?;
        let metadata = request.addresses == EndpointAddresses::Metadata && is_metadata(&request.origin.host);
        let limits = Limits {
            response_body_bytes: MOST_BYTES,
            ..Limits::default()
        };
        let mut builder = Transport::builder(&self.provider, vec![request.origin.clone()])
            .roots(self.roots.clone())
            // A variable that applies was refused when the provider was bound.
            .proxy(Proxy::Ignore)
            .timeouts(TIMEOUTS)
            .limits(limits)
            .for_host(metadata);
        if let Some(resolver) = &self.resolver {
            builder = builder.resolver(Arc::clone(resolver));
        }
        let transport = builder.build(&|_| None).map_err(|error| error.to_string())?;
        let mut outgoing = Request::new(Full::<Bytes>::new(request.body));
        if request.method == Method::Post {
            // Said even of an empty body.
            let length = http_body::Body::size_hint(outgoing.body()).lower();
            outgoing
                .headers_mut()
                .insert(http::header::CONTENT_LENGTH, length.into());
        }
        outgoing.headers_mut().extend(request.headers);
        let sent = transport.send(outgoing, &allowed, &Call::default()).await;
        let response = sent.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| error.to_string())?;
        Ok(TokenAnswer {
            status,
            body: Zeroizing::new(body.to_bytes().to_vec()),
        })
    }
}

impl TokenClient for HostClient {
    fn ask(&self, request: TokenRequest) -> BoxFuture<'_, Result<TokenAnswer, String>> {
        Box::pin(self.exchange(request))
    }
}
