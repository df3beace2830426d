//! Bearer tokens from an OAuth 2 token endpoint.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use loadlock_policy::credential::{OauthGrant, OauthToken, TokenUrl};
use loadlock_policy::egress::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::aws_keys::{KeyPiece, piece};
use super::error::CredentialError;
use super::escape;
use super::fetch::{Endpoint, Fetcher, refusal_of};
use super::renewed::Life;
use super::token_client::{EndpointAddresses, TokenAnswer, TokenRequest};
use crate::Secret;

/// How long a token is used whose endpoint does not say how long it lives.
const UNSAID: Duration = Duration::from_secs(300);

/// How long an assertion is good, in seconds; Google allows an hour.
const ASSERTION_S: u64 = 600;

/// A grant with what the environment says of it.
pub(super) struct TokenSource {
    kind: SourceKind,
    scope: Option<String>,
    addresses: EndpointAddresses,
}

enum SourceKind {
    Client {
        endpoint: Endpoint,
        id: String,
        secret: KeyPiece,
    },
    ServiceAccount {
        key: KeyPiece,
        /// As the key said when it was read first.
        endpoint: Endpoint,
        account: String,
    },
}

/// What is needed of the JSON document of a service account.
struct AccountKey {
    email: String,
    key_id: Option<String>,
    pem: Secret,
    url: String,
}

impl TokenSource {
    /// # Errors
    /// [`CredentialError`] names the variable or file that is missing, or what is wrong with the key.
    pub(super) fn resolve(
        provider: &str,
        token: &OauthToken,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, CredentialError> {
        let addresses = match token.private {
            true => EndpointAddresses::Private,
            false => EndpointAddresses::Public,
        };
        let kind = match &token.grant {
            OauthGrant::ClientCredentials { url, client_id, secret } => SourceKind::Client {
                endpoint: Endpoint::new(url.clone(), addresses)
                    .ok_or_else(|| unusable(provider, "the token endpoint is plain HTTP"))?,
                id: client_id.clone(),
                secret: piece(provider, secret, env)?,
            },
            OauthGrant::ServiceAccount { key } => {
                let key = piece(provider, key, env)?;
                let account = AccountKey::parse(provider, &key.read(provider)?)?;
                let endpoint = account.endpoint(provider, addresses)?;
                SourceKind::ServiceAccount {
                    key,
                    endpoint,
                    account: account.email,
                }
            }
        };
        Ok(Self {
            kind,
            scope: token.scope.clone(),
            addresses,
        })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        match &self.kind {
            SourceKind::Client { endpoint, .. } | SourceKind::ServiceAccount { endpoint, .. } => endpoint,
        }
    }

    /// Whose token it is: the same with a new secret.
    pub(super) fn identity(&self) -> String {
        match &self.kind {
            SourceKind::Client { endpoint, id, .. } => format!("{endpoint} {id}"),
            SourceKind::ServiceAccount { account, .. } => account.clone(),
        }
    }

    /// What is secret before anything was fetched.
    pub(super) fn secrets(&self, provider: &str) -> Result<Vec<Secret>, CredentialError> {
        match &self.kind {
            SourceKind::Client { secret, .. } => Ok(vec![secret.read(provider)?]),
            SourceKind::ServiceAccount { key, .. } => Ok(AccountKey::parse(provider, &key.read(provider)?)?.secrets()),
        }
    }

    /// Asks for a token. Besides it: what else is secret in the exchange.
    pub(super) async fn fetch(&self, fetcher: &Fetcher<'_>) -> Result<(Secret, Life, Vec<Secret>), CredentialError> {
        match &self.kind {
            SourceKind::Client { endpoint, id, secret } => {
                let secret = self.read(fetcher, secret).await?;
                let answer = self.ask_as_client(fetcher, endpoint, id, &secret).await?;
                let (token, life) = token_of(fetcher, endpoint, &answer)?;
                Ok((token, life, vec![secret]))
            }
            SourceKind::ServiceAccount { key, .. } => {
                let document = self.read(fetcher, key).await?;
                let account = AccountKey::parse(fetcher.provider, &document)?;
                let endpoint = account.endpoint(fetcher.provider, self.addresses)?;
                let assertion = account.assertion(fetcher, self.scope.as_deref())?;
                let fields = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                    ("assertion", assertion.expose()),
                ];
                let answer = fetcher.ask(form(&endpoint, &fields)).await?;
                let (token, life) = token_of(fetcher, &endpoint, &answer)?;
                let mut secrets = account.secrets();
                secrets.push(assertion);
                Ok((token, life, secrets))
            }
        }
    }

    async fn read(&self, fetcher: &Fetcher<'_>, piece: &KeyPiece) -> Result<Secret, CredentialError> {
        match piece {
            KeyPiece::Fixed(secret) => Ok(secret.clone()),
            KeyPiece::File(file) => fetcher.read(file).await,
        }
    }

    /// The standard has every endpoint take the secret in the `Authorization` header; those that want it in the form
    /// refuse the first with 400 or 401.
    async fn ask_as_client(
        &self,
        fetcher: &Fetcher<'_>,
        endpoint: &Endpoint,
        id: &str,
        secret: &Secret,
    ) -> Result<TokenAnswer, CredentialError> {
        let mut fields = vec![("grant_type", "client_credentials")];
        if let Some(scope) = &self.scope {
            fields.push(("scope", scope));
        }
        let mut request = form(endpoint, &fields);
        let escaped = |text: &str| escape::encoded(text.as_bytes(), false);
        let pair = Zeroizing::new(format!("{}:{}", escaped(id), escaped(secret.expose())));
        let basic = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let basic = HeaderValue::from_str(&basic)
            .map_err(|_| unusable(fetcher.provider, "a header cannot hold the client's secret"))?;
        request.headers.push((header::AUTHORIZATION, basic));
        let answer = fetcher.ask(request).await?;
        if !matches!(answer.status, 400 | 401) {
            return Ok(answer);
        }
        fields.extend([("client_id", id), ("client_secret", secret.expose())]);
        let second = fetcher.ask(form(endpoint, &fields)).await?;
        Ok(if second.is_success() { second } else { answer })
    }
}

fn form(endpoint: &Endpoint, fields: &[(&str, &str)]) -> TokenRequest {
    let body = escape::form(fields);
    TokenRequest {
        headers: vec![
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            ),
            (header::ACCEPT, HeaderValue::from_static("application/json")),
        ],
        body: Bytes::copy_from_slice(body.as_bytes()),
        ..endpoint.request(Method::Post, None)
    }
}

fn token_of(
    fetcher: &Fetcher<'_>,
    endpoint: &Endpoint,
    answer: &TokenAnswer,
) -> Result<(Secret, Life), CredentialError> {
    let parsed: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| parsed.get(name).and_then(Value::as_str);
    if !answer.is_success() {
        return Err(refusal_of(
            fetcher,
            endpoint,
            answer.status,
            text("error").unwrap_or_default(),
        ));
    }
    let unusable = |reason: &str| fetcher.unavailable(&endpoint.to_string(), reason.to_owned());
    let plain = |token: &&str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let token = text("access_token")
        .filter(plain)
        .ok_or_else(|| unusable("its answer holds no access token"))?;
    if !text("token_type").is_none_or(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(unusable("its token is not a bearer token"));
    }
    // Some endpoints write the number as a text.
    let seconds = parsed.get("expires_in").and_then(|value| match value {
        Value::String(text) => text.parse().ok(),
        other => other
            .as_u64()
            .or_else(|| other.as_f64().map(|seconds| seconds.max(0.0) as u64)),
    });
    let life = match seconds {
        None => UNSAID,
        Some(0) => return Err(unusable("its token has ended already")),
        Some(seconds) => Duration::from_secs(seconds),
    };
    Ok((Secret::new(token.to_owned()), Life::Until(life)))
}

fn unusable(provider: &str, reason: &str) -> CredentialError {
    CredentialError::Invalid {
        provider: provider.to_owned(),
        header: "authorization".to_owned(),
        reference: "the token's source".to_owned(),
        reason: reason.to_owned(),
    }
}

impl AccountKey {
    fn parse(provider: &str, document: &Secret) -> Result<Self, CredentialError> {
        const SHAPE: &str = "it is not the JSON key of a service account with `client_email`, `private_key` and \
             `token_uri`";
        let parsed: Value = serde_json::from_str(document.expose()).map_err(|_| unusable(provider, SHAPE))?;
        let field = |name: &str| parsed.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let required = |name: &str| field(name).map(str::to_owned).ok_or_else(|| unusable(provider, SHAPE));
        let account = Self {
            email: required("client_email")?,
            key_id: field("private_key_id").map(str::to_owned),
            pem: Secret::new(required("private_key")?),
            url: required("token_uri")?,
        };
        account.key(provider)?;
        Ok(account)
    }

    fn key(&self, provider: &str) -> Result<EncodingKey, CredentialError> {
        EncodingKey::from_rsa_pem(self.pem.expose().as_bytes())
            .map_err(|_| unusable(provider, "its `private_key` is not an RSA key in PEM"))
    }

    fn endpoint(&self, provider: &str, addresses: EndpointAddresses) -> Result<Endpoint, CredentialError> {
        let url =
            TokenUrl::parse(&self.url).map_err(|error| unusable(provider, &format!("its `token_uri`: {error}")))?;
        Endpoint::new(url, addresses).ok_or_else(|| unusable(provider, "its `token_uri` is plain HTTP"))
    }

    /// A signed statement of who asks, for RFC 7523.
    fn assertion(&self, fetcher: &Fetcher<'_>, scope: Option<&str>) -> Result<Secret, CredentialError> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid.clone_from(&self.key_id);
        let now = fetcher.clock.unix_millis() / 1_000;
        let mut claims = json!({
            "iss": self.email,
            "aud": self.url,
            "iat": now,
            "exp": now.saturating_add(ASSERTION_S),
        });
        if let (Some(scope), Some(claims)) = (scope, claims.as_object_mut()) {
            claims.insert("scope".to_owned(), scope.into());
        }
        let key = self.key(fetcher.provider)?;
        jsonwebtoken::encode(&header, &claims, &key)
            .map(Secret::new)
            .map_err(|_| unusable(fetcher.provider, "the assertion cannot be signed"))
    }

    fn secrets(&self) -> Vec<Secret> {
        vec![Secret::new(self.pem.expose().trim().to_owned())]
    }
}
