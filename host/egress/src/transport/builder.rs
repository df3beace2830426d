//! What a transport is made of, and what stops its making.

use std::sync::{Arc, Mutex};

use loadlock_policy::egress::{Origin, Scheme};
use tokio::sync::Semaphore;

use super::pool::Pools;
use super::{Transport, injected_at};
use crate::account::Account;
use crate::connect::{Resolver, SystemResolver};
use crate::credential::Credential;
use crate::proxy::{self, Proxy};
use crate::scrub::Scrubber;
use crate::tls::{Roots, Tls};
use crate::{BuildError, Limits, Timeouts};

/// Settings of a [`Transport`].
pub struct TransportBuilder {
    provider: String,
    origins: Vec<Origin>,
    roots: Roots,
    proxy: Proxy,
    timeouts: Timeouts,
    limits: Limits,
    http2: bool,
    resolver: Arc<dyn Resolver>,
    credential: Option<Arc<Credential>>,
    credential_origins: Option<Vec<Origin>>,
    metadata: bool,
    for_host: bool,
}

impl TransportBuilder {
    pub(super) fn new(provider: String, origins: Vec<Origin>) -> Self {
        Self {
            provider,
            origins,
            roots: Roots::default(),
            proxy: Proxy::default(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            http2: true,
            resolver: Arc::new(SystemResolver::default()),
            credential: None,
            credential_origins: None,
            metadata: false,
            for_host: false,
        }
    }

    /// Requests are the host's own: their headers are sent as they are, and with `metadata` the address of a metadata
    /// service may be connected to.
    pub(crate) fn for_host(mut self, metadata: bool) -> Self {
        self.for_host = true;
        self.metadata = metadata;
        self
    }

    /// Whose certificates are believed; the platform's by default.
    pub fn roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// What to do about proxy variables; refused by default.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// The operator's timeouts.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The operator's limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether HTTP/2 is offered to TLS servers; it is by default.
    pub fn http2(mut self, allowed: bool) -> Self {
        self.http2 = allowed;
        self
    }

    /// Another resolver than the system's.
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// The credential to inject at every granted origin.
    pub fn credential(mut self, credential: Arc<Credential>) -> Self {
        self.credential = Some(credential);
        self
    }

    /// Injects the credential at these origins only: a provider that also stores into a bucket by signed links must not
    /// show the bucket its key. A request to another granted origin leaves without a credential.
    pub fn credential_only_at(mut self, origins: Vec<Origin>) -> Self {
        self.credential_origins = Some(origins);
        self
    }

    /// Checks the settings and builds the transport. `env` looks a proxy variable up.
    ///
    /// # Errors
    ///
    /// [`BuildError`] for a proxy variable that applies, a credential that would travel over plain http, or roots that
    /// cannot be read.
    pub fn build(self, env: &dyn Fn(&str) -> Option<String>) -> Result<Transport, BuildError> {
        match self.proxy {
            Proxy::Refuse => proxy::check(&self.provider, &self.origins, env)?,
            Proxy::Ignore => {}
        }
        if self.credential.is_some() {
            let exposed = self
                .origins
                .iter()
                .find(|origin| injected_at(&self.credential_origins, origin) && !origin.may_carry_credential());
            if let Some(origin) = exposed {
                return Err(BuildError::CredentialOverPlainHttp {
                    provider: self.provider,
                    origin: origin.to_string(),
                });
            }
        }
        // Reading the platform's roots takes milliseconds: not for a provider that has no use for them.
        let tls = if self.origins.iter().any(|origin| origin.scheme == Scheme::Https) {
            Some(Tls::new(&self.roots)?)
        } else {
            None
        };
        let account = Arc::new(Account::new());
        Ok(Transport {
            provider: self.provider,
            timeouts: self.timeouts,
            limits: self.limits,
            credential: self.credential,
            credential_origins: self.credential_origins,
            for_host: self.for_host,
            pools: Pools {
                tls,
                metadata: self.metadata,
                http2: self.http2,
                resolver: self.resolver,
                connect: self.timeouts.connect,
                limits: self.limits,
                account: Arc::clone(&account),
                open: Mutex::default(),
            },
            in_flight: Arc::new(Semaphore::new(self.limits.in_flight.min(Semaphore::MAX_PERMITS))),
            account,
            nothing: Arc::new(Scrubber::new([])),
        })
    }
}
