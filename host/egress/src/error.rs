//! Everything that can go wrong, each with what to do about it.

use std::path::PathBuf;
use std::time::Duration;

use loadlock_policy::address::AddressRefused;

use crate::credential::CredentialError;

/// Why a transport cannot be built. All of these stop the start of the gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A proxy variable applies to a granted host, and Loadlock cannot use proxies.
    #[error(
        "proxy_not_supported: `{variable}` asks for a proxy for {origin} (provider `{provider}`), and Loadlock speaks \
         to \
         upstreams directly only; unset it, add `{host}` to NO_PROXY, or set `proxy = \"ignore\"` for this provider"
    )]
    ProxyNotSupported {
        /// Provider as configured.
        provider: String,
        /// Name of the variable, as it is spelled in the environment.
        variable: String,
        /// The granted origin it applies to.
        origin: String,
        /// Its host.
        host: String,
    },
    /// The credential cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The credential would travel in plain text.
    #[error(
        "credential_over_plain_http: provider `{provider}` has a credential and a grant for {origin}; use https, or a \
         loopback address"
    )]
    CredentialOverPlainHttp {
        /// Provider as configured.
        provider: String,
        /// The granted origin.
        origin: String,
    },
    /// The CA file cannot be used.
    #[error("ca_file_unusable: {}: {reason}; give a PEM file with at least one certificate", path.display())]
    CaFile {
        /// Path as configured.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The platform has no usable root certificates.
    #[error("no_platform_roots: {reason}; install the system's CA certificates, or set `ca_file` for the provider")]
    PlatformRoots {
        /// What the platform said.
        reason: String,
    },
}

/// Which way bytes were expected to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the upstream: it stopped reading.
    Request,
    /// From the upstream: it stopped writing.
    Response,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Request => "take the request",
            Self::Response => "send the response",
        })
    }
}

/// What a connection that is being opened waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The addresses of the name.
    Name,
    /// An address that takes the connection.
    Tcp,
    /// The TLS handshake.
    Tls,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Name => "the resolver gave no answer for the name",
            Self::Tcp => "nothing answered at the address",
            Self::Tls => "the connection was accepted, but the TLS handshake was not answered",
        })
    }
}

/// What part of TLS failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate: unknown issuer, wrong name, expired.
    Certificate,
    /// The other side ended the handshake with an alert.
    Alert,
    /// Anything else, a plain-text server for example.
    Protocol,
}

/// Why a request got no usable response.
///
/// [`Error::reached_upstream`] says whether the upstream may have acted on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A credential has gone, or cannot be used any more.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The request is marked for a credential, and its origin is plain http to another machine.
    #[error("credential_over_plain_http: {origin}; use https, or a loopback address")]
    CredentialOverPlainHttp {
        /// Where the request would go.
        origin: String,
    },
    /// The request cannot be sent as it is.
    #[error("request_invalid: {reason}")]
    RequestInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The request's headers are too large.
    #[error("request_headers_too_large: {bytes} bytes, the limit is {limit}")]
    RequestHeadersTooLarge {
        /// Bytes of headers.
        bytes: usize,
        /// `Limits::request_header_bytes`.
        limit: usize,
    },
    /// The guest's request body ended with an error.
    #[error("request_body_failed: {reason}")]
    RequestBody {
        /// What the guest's body said.
        reason: String,
    },
    /// The guest's request body has another length than its `content-length`.
    #[error("request_body_length: content-length says {declared}, the body has {actual} bytes or more")]
    RequestBodyLength {
        /// The header.
        declared: u64,
        /// Bytes seen when the difference showed.
        actual: u64,
    },
    /// The guest's request body has another digest than its `x-amz-content-sha256` promised.
    #[error("request_body_digest: the body's SHA-256 is not the one that x-amz-content-sha256 says")]
    RequestBodyDigest,
    /// Too many requests of this provider are under way.
    #[error("connection_limit: {limit} requests of this provider are under way, and none ended in {after:?}")]
    ConnectionLimit {
        /// `Limits::in_flight`.
        limit: usize,
        /// How long this one waited.
        after: Duration,
    },
    /// The name has no address.
    #[error("dns_error: `{host}`: {reason}")]
    Dns {
        /// The granted host.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// An address of the name may not be connected to.
    #[error("address_refused: `{host}`: {refused}")]
    AddressRefused {
        /// The granted host.
        host: String,
        /// The offending address, what it is, and what would allow it.
        refused: AddressRefused,
    },
    /// No address took the connection.
    #[error("connect_refused: {origin}: {reason}")]
    ConnectRefused {
        /// The granted origin.
        origin: String,
        /// What the system said last.
        reason: String,
    },
    /// No connection in time.
    #[error("connect_timeout: {origin}: no connection in {after:?}: {stage}")]
    ConnectTimeout {
        /// The granted origin.
        origin: String,
        /// What it was waiting for.
        stage: Stage,
        /// `Timeouts::connect`.
        after: Duration,
    },
    /// The TLS handshake failed.
    #[error("tls_error: {origin}: {reason}")]
    Tls {
        /// The granted origin.
        origin: String,
        /// Which part failed.
        fault: TlsFault,
        /// What TLS said.
        reason: String,
    },
    /// The connection was closed before a byte of this request was written, or the upstream said that it looked at
    /// none: it is safe to send it again.
    #[error("not_sent: {origin}: the connection was closed before the request was taken")]
    NotSent {
        /// The granted origin.
        origin: String,
    },
    /// The request is sent, and no response began in time.
    #[error("first_byte_timeout: {origin}: no response in {after:?} after the request")]
    FirstByteTimeout {
        /// The granted origin.
        origin: String,
        /// `Timeouts::first_byte`.
        after: Duration,
    },
    /// A body stalled.
    #[error("between_bytes_timeout: {origin}: the upstream did not {direction} for {after:?}")]
    BetweenBytesTimeout {
        /// The granted origin.
        origin: String,
        /// Which body.
        direction: Direction,
        /// `Timeouts::between_bytes`.
        after: Duration,
    },
    /// The whole request took too long.
    #[error("total_timeout: {origin}: not done in {after:?}")]
    TotalTimeout {
        /// The granted origin.
        origin: String,
        /// `Timeouts::total`.
        after: Duration,
    },
    /// The response's headers are too many or too large.
    #[error("response_headers_too_large: {origin}: more than {headers} headers or {bytes} bytes")]
    ResponseHeadersTooLarge {
        /// The granted origin.
        origin: String,
        /// `Limits::response_headers`.
        headers: usize,
        /// `Limits::response_header_bytes`.
        bytes: usize,
    },
    /// The response's body is too large.
    #[error("response_body_too_large: {origin}: more than {limit} bytes")]
    ResponseBodyTooLarge {
        /// The granted origin.
        origin: String,
        /// `Limits::response_body_bytes`.
        limit: u64,
    },
    /// The response is compressed although `identity` was asked for: it could not be searched for the secret.
    #[error("response_encoded: {origin}: content-encoding `{coding}`, although identity was asked for")]
    ResponseEncoded {
        /// The granted origin.
        origin: String,
        /// The response's `content-encoding`.
        coding: String,
    },
    /// The connection ended in the middle of the request or the response.
    #[error("connection_closed: {origin}: {reason}")]
    ConnectionClosed {
        /// The granted origin.
        origin: String,
        /// What the connection said.
        reason: String,
    },
    /// The upstream does not speak HTTP as it should.
    #[error("protocol_error: {origin}: {reason}")]
    Protocol {
        /// The granted origin.
        origin: String,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// The word before the colon, for metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Credential(CredentialError::VariableMissing { .. } | CredentialError::FileMissing { .. }) => {
                "credential_missing"
            }
            Self::Credential(CredentialError::Invalid { .. } | CredentialError::Duplicate { .. }) => {
                "credential_invalid"
            }
            Self::Credential(CredentialError::Unavailable { .. }) => "credential_unavailable",
            Self::Credential(CredentialError::Refused { .. }) => "credential_refused",
            Self::CredentialOverPlainHttp { .. } => "credential_over_plain_http",
            Self::RequestInvalid { .. } => "request_invalid",
            Self::RequestHeadersTooLarge { .. } => "request_headers_too_large",
            Self::RequestBody { .. } => "request_body_failed",
            Self::RequestBodyLength { .. } => "request_body_length",
            Self::RequestBodyDigest => "request_body_digest",
            Self::ConnectionLimit { .. } => "connection_limit",
            Self::Dns { .. } => "dns_error",
            Self::AddressRefused { .. } => "address_refused",
            Self::ConnectRefused { .. } => "connect_refused",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::Tls { .. } => "tls_error",
            Self::NotSent { .. } => "not_sent",
            Self::FirstByteTimeout { .. } => "first_byte_timeout",
            Self::BetweenBytesTimeout { .. } => "between_bytes_timeout",
            Self::TotalTimeout { .. } => "total_timeout",
            Self::ResponseHeadersTooLarge { .. } => "response_headers_too_large",
            Self::ResponseBodyTooLarge { .. } => "response_body_too_large",
            Self::ResponseEncoded { .. } => "response_encoded",
            Self::ConnectionClosed { .. } => "connection_closed",
            Self::Protocol { .. } => "protocol_error",
        }
    }

    /// False when no byte of the request was written: then nothing can have happened upstream. True means that it may
    /// have. [`Error::TotalTimeout`] counts as reached, since the time may have run out at any stage.
    pub fn reached_upstream(&self) -> bool {
        match self {
            Self::Credential(_)
            | Self::CredentialOverPlainHttp { .. }
            | Self::RequestInvalid { .. }
            | Self::RequestHeadersTooLarge { .. }
            | Self::ConnectionLimit { .. }
            | Self::Dns { .. }
            | Self::AddressRefused { .. }
            | Self::ConnectRefused { .. }
            | Self::ConnectTimeout { .. }
            | Self::Tls { .. }
            | Self::NotSent { .. } => false,
            Self::RequestBody { .. }
            | Self::RequestBodyLength { .. }
            | Self::RequestBodyDigest
            | Self::FirstByteTimeout { .. }
            | Self::BetweenBytesTimeout { .. }
            | Self::TotalTimeout { .. }
            | Self::ResponseHeadersTooLarge { .. }
            | Self::ResponseBodyTooLarge { .. }
            | Self::ResponseEncoded { .. }
            | Self::ConnectionClosed { .. }
            | Self::Protocol { .. } => true,
        }
    }
}
