//! Where the keys of a signature come from.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use loadlock_policy::credential::{AwsSigning, AwsSource, Reference, Template, TokenUrl};
use loadlock_policy::egress::Method;
use serde_json::Value;

use super::error::CredentialError;
use super::escape::form;
use super::fetch::{Endpoint, Fetcher, refusal_of};
use super::renewed::Life;
use super::secret_file::read_file;
use super::sigv4::AwsKeys;
use super::token_client::{EndpointAddresses, TokenAnswer, TokenRequest};
use crate::Secret;

/// A source with what the environment says of it.
pub(super) enum KeySource {
    Pair {
        key_id: KeyPiece,
        secret: KeyPiece,
        session_token: Option<KeyPiece>,
    },
    Profile {
        name: String,
        file: PathBuf,
    },
    WebIdentity {
        role: String,
        file: PathBuf,
        session: String,
        endpoint: Endpoint,
    },
    Container {
        endpoint: Endpoint,
        authorization: Option<KeyPiece>,
    },
    Instance {
        endpoint: Endpoint,
    },
}

/// One value: from a variable, which cannot change any more, or of a file, which can.
pub(super) enum KeyPiece {
    Fixed(Secret),
    File(PathBuf),
}

type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

impl KeySource {
    /// # Errors
    /// [`CredentialError`] names the variable that is missing or makes no sense.
    pub(super) fn resolve(provider: &str, signing: &AwsSigning, env: Env<'_>) -> Result<Self, CredentialError> {
        let variable = |name: &str| env(name).filter(|value| !value.is_empty());
        let required = |name: &str| variable(name).ok_or_else(|| missing(provider, name));
        let endpoint = |name: &str, text: &str, addresses| {
            let url = TokenUrl::parse(text).map_err(|error| invalid(provider, name, &error.to_string()))?;
            Endpoint::new(url, addresses).ok_or_else(|| invalid(provider, name, PLAIN))
        };
        Ok(match &signing.source {
            AwsSource::Keys {
                key_id,
                secret,
                session_token,
            } => Self::Pair {
                key_id: piece(provider, key_id, env)?,
                secret: piece(provider, secret, env)?,
                session_token: session_token
                    .as_ref()
                    .map(|token| piece(provider, token, env))
                    .transpose()?,
            },
            AwsSource::Profile { name, file } => Self::Profile {
                name: name.clone(),
                file: file.clone().ok_or_else(|| missing(provider, "HOME"))?,
            },
            AwsSource::WebIdentity { role, file } => {
                const VARIABLE: &str = "AWS_ENDPOINT_URL_STS";
                let of_region = || {
                    let china = if signing.region.starts_with("cn-") { ".cn" } else { "" };
                    format!("https://sts.{}.amazonaws.com{china}", signing.region)
                };
                let url = variable(VARIABLE).unwrap_or_else(of_region);
                Self::WebIdentity {
                    role: role.clone().map_or_else(|| required("AWS_ROLE_ARN"), Ok)?,
                    file: match file {
                        Some(file) => file.clone(),
                        None => required("AWS_WEB_IDENTITY_TOKEN_FILE")?.into(),
                    },
                    session: variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "loadlock".to_owned()),
                    // Inside of a cloud's network the public name has a private address.
                    endpoint: endpoint(VARIABLE, &url, EndpointAddresses::Private)?,
                }
            }
            AwsSource::Container { file } => {
                let (name, url) = match variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
                    Some(path) => (
                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                        format!("http://169.254.170.2{path}"),
                    ),
                    None => {
                        let name = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
                        (name, required(name)?)
                    }
                };
                let token = || variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|text| KeyPiece::Fixed(text.into()));
                Self::Container {
                    endpoint: endpoint(name, &url, EndpointAddresses::Metadata)?,
                    authorization: file.clone().map(KeyPiece::File).or_else(token),
                }
            }
            AwsSource::Instance => {
                const VARIABLE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
                let url = variable(VARIABLE).unwrap_or_else(|| "http://169.254.169.254".to_owned());
                Self::Instance {
                    endpoint: endpoint(VARIABLE, url.trim_end_matches('/'), EndpointAddresses::Metadata)?,
                }
            }
        })
    }

    /// What is on this machine, read now; nothing for what is fetched.
    pub(super) fn local(&self, provider: &str) -> Option<Result<(AwsKeys, Life), CredentialError>> {
        match self {
            Self::Pair {
                key_id,
                secret,
                session_token,
            } => Some(pair(provider, key_id, secret, session_token.as_ref())),
            Self::Profile { name, file } => Some(
                read_file(file)
                    .map_err(|reason| unreadable(provider, file, reason))
                    .and_then(|text| of_profile(provider, name, file, &text))
                    .map(|keys| (keys, Life::Watched)),
            ),
            Self::WebIdentity { .. } | Self::Container { .. } | Self::Instance { .. } => None,
        }
    }

    /// Whether it asks anybody.
    pub(super) fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Pair { .. } | Self::Profile { .. } => None,
            Self::WebIdentity { endpoint, .. } | Self::Container { endpoint, .. } | Self::Instance { endpoint } => {
                Some(endpoint)
            }
        }
    }

    /// Asks for keys. Besides them: what else is secret in the exchange.
    pub(super) async fn fetch(&self, fetcher: &Fetcher<'_>) -> Result<(AwsKeys, Life, Vec<Secret>), CredentialError> {
        match self {
            Self::WebIdentity {
                role,
                file,
                session,
                endpoint,
            } => web_identity(fetcher, role, file, session, endpoint).await,
            Self::Container {
                endpoint,
                authorization,
            } => container(fetcher, endpoint, authorization.as_ref()).await,
            Self::Instance { endpoint } => instance(fetcher, endpoint).await,
            Self::Pair { .. } | Self::Profile { .. } => match self.local(fetcher.provider) {
                Some(read) => read.map(|(keys, life)| (keys, life, Vec::new())),
                None => Err(fetcher.unavailable("this machine", "it has none".to_owned())),
            },
        }
    }
}

const PLAIN: &str = "it is plain HTTP to another machine; use https, loopback, or the platform's own address";

fn missing(provider: &str, variable: &str) -> CredentialError {
    CredentialError::VariableMissing {
        provider: provider.to_owned(),
        header: "authorization".to_owned(),
        variable: variable.to_owned(),
    }
}

fn invalid(provider: &str, reference: &str, reason: &str) -> CredentialError {
    CredentialError::Invalid {
        provider: provider.to_owned(),
        header: "authorization".to_owned(),
        reference: reference.to_owned(),
        reason: reason.to_owned(),
    }
}

fn unreadable(provider: &str, file: &Path, reason: String) -> CredentialError {
    CredentialError::FileMissing {
        provider: provider.to_owned(),
        header: "authorization".to_owned(),
        path: file.to_owned(),
        reason,
    }
}

/// A template that is one reference.
pub(super) fn piece(provider: &str, template: &Template, env: Env<'_>) -> Result<KeyPiece, CredentialError> {
    match template.references().next() {
        Some(Reference::File(path)) => Ok(KeyPiece::File(path.clone())),
        Some(Reference::Env(name)) => env(name)
            .map(|value| Secret::new(value.trim_end_matches(['\n', '\r']).to_owned()))
            .filter(|value| !value.expose().is_empty())
            .map(KeyPiece::Fixed)
            .ok_or_else(|| missing(provider, name)),
        None => Err(invalid(provider, &template.to_string(), "it refers to nothing")),
    }
}

impl KeyPiece {
    pub(super) fn read(&self, provider: &str) -> Result<Secret, CredentialError> {
        match self {
            Self::Fixed(secret) => Ok(secret.clone()),
            Self::File(path) => read_file(path).map_err(|reason| unreadable(provider, path, reason)),
        }
    }
}

fn pair(
    provider: &str,
    key_id: &KeyPiece,
    secret: &KeyPiece,
    session_token: Option<&KeyPiece>,
) -> Result<(AwsKeys, Life), CredentialError> {
    let keys = AwsKeys {
        key_id: key_id.read(provider)?.expose().to_owned(),
        secret: secret.read(provider)?,
        session_token: session_token.map(|token| token.read(provider)).transpose()?,
    };
    let pieces = [Some(key_id), Some(secret), session_token];
    let watched = pieces.iter().flatten().any(|piece| matches!(piece, KeyPiece::File(_)));
    let keys = checked(keys).map_err(|reason| invalid(provider, "the access key", reason))?;
    Ok((keys, if watched { Life::Watched } else { Life::Endless }))
}

/// Keys that can be part of a header.
fn checked(keys: AwsKeys) -> Result<AwsKeys, &'static str> {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain(&keys.key_id) || keys.key_id.contains(',') {
        return Err("the key's id is not printable text");
    }
    if keys.secret.expose().is_empty() {
        return Err("the secret is empty");
    }
    match &keys.session_token {
        Some(token) if !plain(token.expose()) => Err("the session token is not printable text"),
        _ => Ok(keys),
    }
}

/// `[name]` of a credentials file, or `[profile name]` of a configuration of the same tools.
fn of_profile(provider: &str, name: &str, file: &Path, text: &Secret) -> Result<AwsKeys, CredentialError> {
    let whose = format!("the profile `{name}` of {}", file.display());
    let mut inside = false;
    let (mut found, mut key_id, mut secret, mut token) = (false, None, None, None);
    for line in text.expose().lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let section = section.trim();
            inside = section == name || section.strip_prefix("profile ").map(str::trim) == Some(name);
            found |= inside;
        } else if inside && !line.starts_with(['#', ';']) {
            match line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("aws_access_key_id", value)) => key_id = Some(value.to_owned()),
                Some(("aws_secret_access_key", value)) => secret = Some(Secret::new(value.to_owned())),
                Some(("aws_session_token", value)) => token = Some(Secret::new(value.to_owned())),
                _ => {}
            }
        }
    }
    if !found {
        return Err(invalid(provider, &whose, "the file has no such profile"));
    }
    let (Some(key_id), Some(secret)) = (key_id, secret) else {
        return Err(invalid(
            provider,
            &whose,
            "it needs both `aws_access_key_id` and `aws_secret_access_key`",
        ));
    };
    let session_token = token.filter(|token| !token.expose().is_empty());
    checked(AwsKeys {
        key_id,
        secret,
        session_token,
    })
    .map_err(|reason| invalid(provider, &whose, reason))
}

async fn web_identity(
    fetcher: &Fetcher<'_>,
    role: &str,
    file: &Path,
    session: &str,
    endpoint: &Endpoint,
) -> Result<(AwsKeys, Life, Vec<Secret>), CredentialError> {
    let token = fetcher.read(file).await?;
    let body = form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", session),
        ("WebIdentityToken", token.expose()),
    ]);
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    let answer = fetcher
        .ask(TokenRequest {
            headers: vec![(header::CONTENT_TYPE, kind)],
            body: Bytes::copy_from_slice(body.as_bytes()),
            ..endpoint.request(Method::Post, None)
        })
        .await?;
    let text = answer.text();
    if !answer.is_success() {
        let code = element(text, "Code").unwrap_or_default();
        return Err(refusal_of(fetcher, endpoint, answer.status, code));
    }
    let given = element(text, "Credentials").unwrap_or_default();
    let field = |name| element(given, name).map(str::to_owned);
    let keys = keys_of(
        fetcher,
        endpoint,
        [
            field("AccessKeyId"),
            field("SecretAccessKey"),
            field("SessionToken"),
            field("Expiration"),
        ],
    )?;
    Ok((keys.0, keys.1, vec![token]))
}

/// The text of the first element of this name; enough for an answer of five elements, none of which has attributes.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner.trim())
}

async fn container(
    fetcher: &Fetcher<'_>,
    endpoint: &Endpoint,
    authorization: Option<&KeyPiece>,
) -> Result<(AwsKeys, Life, Vec<Secret>), CredentialError> {
    let mut request = endpoint.request(Method::Get, None);
    let mut secrets = Vec::new();
    if let Some(piece) = authorization {
        let token = match piece {
            KeyPiece::Fixed(secret) => secret.clone(),
            KeyPiece::File(file) => fetcher.read(file).await?,
        };
        let value = HeaderValue::from_str(token.expose())
            .map_err(|_| invalid(fetcher.provider, "the platform's token", "a header cannot hold it"))?;
        request.headers.push((header::AUTHORIZATION, value));
        secrets.push(token);
    }
    let answer = fetcher.ask(request).await?;
    let (keys, life) = of_json(fetcher, endpoint, &answer)?;
    Ok((keys, life, secrets))
}

/// Version 2 of the metadata service: a token first, then the role's name, then its keys.
async fn instance(fetcher: &Fetcher<'_>, endpoint: &Endpoint) -> Result<(AwsKeys, Life, Vec<Secret>), CredentialError> {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let name = |name: &'static str| HeaderName::from_static(name);
    let ttl = (
        name("x-aws-ec2-metadata-token-ttl-seconds"),
        HeaderValue::from_static("300"),
    );
    let answer = fetcher
        .ask(TokenRequest {
            headers: vec![ttl],
            ..endpoint.request(Method::Put, Some("/latest/api/token".to_owned()))
        })
        .await?;
    let token = HeaderValue::from_str(answer.text().trim())
        .ok()
        .filter(|_| answer.is_success());
    let token = token.ok_or_else(|| refusal_of(fetcher, endpoint, answer.status, "no session token"))?;
    let get = |path: String| TokenRequest {
        headers: vec![(name("x-aws-ec2-metadata-token"), token.clone())],
        ..endpoint.request(Method::Get, Some(path))
    };
    let roles = fetcher.ask(get(ROLES.to_owned())).await?;
    let role = roles.text().lines().next().unwrap_or_default().trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if !roles.is_success() || role.is_empty() || !role.bytes().all(plain) {
        return Err(refusal_of(fetcher, endpoint, roles.status, "the instance has no role"));
    }
    let answer = fetcher.ask(get(format!("{ROLES}{role}"))).await?;
    let (keys, life) = of_json(fetcher, endpoint, &answer)?;
    let secrets = vec![Secret::new(token.to_str().unwrap_or_default().to_owned())];
    Ok((keys, life, secrets))
}

fn of_json(
    fetcher: &Fetcher<'_>,
    endpoint: &Endpoint,
    answer: &TokenAnswer,
) -> Result<(AwsKeys, Life), CredentialError> {
    if !answer.is_success() {
        return Err(refusal_of(fetcher, endpoint, answer.status, ""));
    }
    let parsed: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let field = |name: &str| parsed.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(code) = field("Code").filter(|code| code != "Success") {
        return Err(refusal_of(fetcher, endpoint, answer.status, &code));
    }
    let fields = [
        field("AccessKeyId"),
        field("SecretAccessKey"),
        field("Token"),
        field("Expiration"),
    ];
    keys_of(fetcher, endpoint, fields)
}

/// Keys from an answer's id, secret, session token and end.
fn keys_of(
    fetcher: &Fetcher<'_>,
    endpoint: &Endpoint,
    [key_id, secret, session_token, ends]: [Option<String>; 4],
) -> Result<(AwsKeys, Life), CredentialError> {
    let unusable = |reason: &str| fetcher.unavailable(&endpoint.to_string(), reason.to_owned());
    let (Some(key_id), Some(secret)) = (key_id, secret) else {
        return Err(unusable("its answer holds no keys"));
    };
    let keys = checked(AwsKeys {
        key_id,
        secret: Secret::new(secret),
        session_token: session_token.map(Secret::new),
    });
    let keys = keys.map_err(unusable)?;
    let life = match ends.map(|text| text.parse::<jiff::Timestamp>()) {
        None => Life::Endless,
        Some(Err(_)) => return Err(unusable("its keys end at a time that cannot be read")),
        Some(Ok(ends)) => fetcher
            .left_until(ends.as_millisecond())
            .map(Life::Until)
            .ok_or_else(|| unusable("its keys have ended already; look at this machine's clock"))?,
    };
    Ok((keys, life))
}
