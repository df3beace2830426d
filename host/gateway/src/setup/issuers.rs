//! Keys that issuers publish: fetched by the host itself, and kept in `keys/issuers` for when an issuer is away.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use loadlock_config::IssuerKeySet;
use loadlock_egress::HostClient;
use loadlock_egress::connect::Resolver;
use loadlock_egress::credential::token_client::{EndpointAddresses, MOST_BYTES, TokenClient, TokenRequest};
use loadlock_egress::proxy;
use loadlock_egress::tls::Roots;
use loadlock_policy::credential::TokenUrl;
use loadlock_policy::egress::Method;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::jwk::{PublishedKey, keys_of};
use super::loader::Environment;
use crate::cache_file;

/// Who reaches issuers, in messages and in what the transport records.
const NAME: &str = "auth";

/// What OpenID Connect Discovery says of an issuer, as far as it matters here.
#[derive(Deserialize)]
struct IssuerMetadata {
    issuer: String,
    jwks_uri: String,
}

/// The way to issuers.
pub(crate) struct IssuerClient {
    pub(crate) resolver: Option<Arc<dyn Resolver>>,
    pub(crate) env: Environment,
}

impl IssuerClient {
    /// What the issuer publishes, the set of keys itself: checked, but not in force.
    ///
    /// # Errors
    /// Why there is none, in words for a log.
    pub(crate) async fn fetch(&self, set: &IssuerKeySet) -> Result<Vec<u8>, String> {
        let answer = self.get(set, &set.url).await?;
        let Ok(metadata) = serde_json::from_slice::<IssuerMetadata>(&answer) else {
            keys_of(&answer)?;
            return Ok(answer);
        };
        if !set.issuers.contains(&metadata.issuer) {
            return Err(format!(
                "{} is of the issuer `{}`, which `issuers` does not name",
                set.url, metadata.issuer
            ));
        }
        let url = TokenUrl::parse(&metadata.jwks_uri)
            .map_err(|error| format!("the issuer's `jwks_uri` cannot be used: {error}"))?;
        // What is elsewhere may name what is here only if it is here itself.
        let may =
            url.origin.may_carry_credential() && (!url.origin.host.is_loopback() || set.url.origin.host.is_loopback());
        if !may {
            return Err(format!("the issuer's `jwks_uri` is {url}, which is not asked"));
        }
        let answer = self.get(set, &url).await?;
        keys_of(&answer)?;
        Ok(answer)
    }

    async fn get(&self, set: &IssuerKeySet, url: &TokenUrl) -> Result<Vec<u8>, String> {
        let origins = [url.origin.clone()];
        proxy::check(NAME, &origins, &self.env).map_err(|error| error.to_string())?;
        let roots = set.ca_file.clone().map_or(Roots::Platform, Roots::File);
        let [origin] = origins;
        let request = TokenRequest {
            method: Method::Get,
            origin,
            path: url.path.as_str().to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            addresses: match set.private {
                true => EndpointAddresses::Private,
                false => EndpointAddresses::Public,
            },
        };
        let answer = HostClient::new(NAME, roots, self.resolver.clone()).ask(request).await?;
        if !answer.is_success() {
            return Err(format!("{url} answers {}", answer.status));
        }
        Ok(answer.body.to_vec())
    }
}

/// Where the last known set is kept.
fn file(keys: &Path, set: &IssuerKeySet) -> PathBuf {
    let url = hex::encode(Sha256::digest(set.url.to_string()));
    keys.join("issuers").join(format!("{}.json", &url[..32]))
}

/// The set that was in force last. `None` if there is none that can be used: then the issuer is asked.
pub(crate) fn last_known(keys: &Path, set: &IssuerKeySet) -> Option<Vec<u8>> {
    let path = file(keys, set);
    let mut document = Vec::new();
    match std::fs::File::open(&path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut document)) {
        Ok(_) => Some(document),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(target: "loadlock::auth", path = %path.display(), %error, "[AUTH] cannot read an issuer's last known keys");
            None
        }
    }
}

/// Keeps a set that is in force, over restarts. Nobody was promised that it outlives a failure of the power: what is
/// torn then is not understood, and the issuer is asked.
///
/// # Errors
/// The system's.
pub(crate) fn keep(keys: &Path, set: &IssuerKeySet, document: &[u8]) -> std::io::Result<()> {
    let path = file(keys, set);
    let folder = keys.join("issuers");
    std::fs::create_dir_all(&folder)?;
    cache_file::replace(&path, document)
}

/// The keys of a set. One that is no longer understood has none.
pub(crate) fn understood(set: &IssuerKeySet, document: &[u8]) -> Vec<PublishedKey> {
    keys_of(document).unwrap_or_else(|why| {
        tracing::warn!(target: "loadlock::auth", url = %set.url, "[AUTH] an issuer's last known keys are not used: {why}");
        Vec::new()
    })
}
