//! The pools of one provider: per origin and address rule, one that may negotiate HTTP/2 and one that never does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use loadlock_policy::egress::{Allowed, Scheme};
use rustls::ClientConfig;

use crate::Limits;
use crate::account::Account;
use crate::connect::{Connector, Opening, Resolver, Target};
use crate::request::RequestBody;
use crate::tls::Tls;

pub(super) type PooledClient = Client<Connector, RequestBody>;

/// All pools of a provider, opened when first used.
pub(super) struct Pools {
    pub(super) tls: Option<Tls>,
    pub(super) http2: bool,
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) metadata: bool,
    pub(super) connect: Duration,
    pub(super) limits: Limits,
    pub(super) account: Arc<Account>,
    /// Targets come from decided requests, so there are at most two for a grant.
    pub(super) open: Mutex<BTreeMap<Target, Pair>>,
}

#[derive(Clone)]
pub(super) struct Pair {
    both: PooledClient,
    http1: PooledClient,
    opening: Arc<Opening>,
}

impl Pools {
    /// The pool for a request, and what its connections wait for; `http1` asks for the one that never negotiates
    /// HTTP/2.
    pub(super) fn get(&self, allowed: &Allowed, http1: bool) -> (PooledClient, Arc<Opening>) {
        let target = Target {
            origin: allowed.origin.clone(),
            private: allowed.private,
            metadata: self.metadata,
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = open.entry(target.clone()).or_insert_with(|| self.pair(target));
        let client = if http1 { &pair.http1 } else { &pair.both };
        (client.clone(), Arc::clone(&pair.opening))
    }

    fn pair(&self, target: Target) -> Pair {
        let target = Arc::new(target);
        let opening = Arc::<Opening>::default();
        let client = |tls: Option<&Arc<ClientConfig>>| {
            let connector = Connector::new(
                Arc::clone(&target),
                tls.cloned(),
                Arc::clone(&self.resolver),
                self.connect,
                Arc::clone(&self.account),
                Arc::clone(&opening),
            );
            settings(&self.limits).build(connector)
        };
        let http1 = client(self.tls.as_ref().map(|tls| &tls.http1));
        // Without TLS there is no negotiation, so one pool serves both.
        let both = if self.http2 && target.origin.scheme == Scheme::Https {
            client(self.tls.as_ref().map(|tls| &tls.both))
        } else {
            http1.clone()
        };
        Pair { both, http1, opening }
    }
}

fn settings(limits: &Limits) -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(limits.idle_timeout)
        .pool_max_idle_per_host(limits.idle_connections)
        // An idle connection that the server has just closed gives the request back untouched, and another takes it. A
        // request of which a byte was written never comes back: whether to send that again is decided above, where its
        // outcome can be looked up.
        .retry_canceled_requests(true)
        .set_host(true)
        .http1_max_headers(limits.response_headers)
        // hyper's own lower bound is 8,192.
        .http1_max_buf_size(limits.response_header_bytes.max(8_192))
        // h2 counts 32 bytes more a header, and reports an excess as a broken protocol: what is a little too large is
        // left to the check on the response, which has a name for it.
        .http2_max_header_list_size(u32::try_from(limits.response_header_bytes.saturating_mul(4)).unwrap_or(u32::MAX))
        .http2_initial_stream_window_size(1024 * 1024)
        .http2_initial_connection_window_size(4 * 1024 * 1024)
        .http2_keep_alive_interval(Some(Duration::from_secs(20)));
    builder
}
