//! What is added to one request.

use std::fmt;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::sigv4::Signer;
use crate::Secret;
use crate::scrub::Scrubber;

/// What to add to a request now, and what to look for in its response.
pub struct Injection {
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) signer: Option<Signer>,
    pub(super) secrets: Vec<Secret>,
    pub(super) scrubber: Arc<Scrubber>,
}

impl Injection {
    /// The headers, marked sensitive (HTTP/2 then never indexes them).
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// Masks every secret behind these headers.
    pub fn scrubber(&self) -> &Arc<Scrubber> {
        &self.scrubber
    }

    /// What signs the request once its headers are complete.
    pub(crate) fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }
}

impl fmt::Debug for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.headers.iter().map(|(name, _)| name))
            .finish()
    }
}
