//! The only way out of Loadlock's sandbox: HTTP transport, credentials and the checks around both.
//!
//! The crate knows nothing of WebAssembly. A caller hands over a request that the policy has already decided
//! ([`Allowed`](loadlock_policy::egress::Allowed)) and gets a response back; between the two,
//!
//! - the name is resolved once, **every** address of the answer is judged, and the connection goes to one of the very
//!   addresses that were judged ([`connect`]);
//! - the credential is added by the host, at the granted origin only, and whatever credential header the guest set is
//!   taken away ([`credential`]);
//! - redirects are returned as they are, never followed;
//! - time, header and body sizes are bounded, each with an error of its own ([`Timeouts`], [`Limits`], [`Error`]);
//! - a response that echoes the secret is masked before anyone reads it ([`scrub`]);
//! - what came back is kept, up to a bound, so that a receipt can be checked against it ([`observe`]).
//!
//! There is one [`Transport`] per provider. Pools, TLS sessions and counters are never shared between providers.
//!
//! Bodies stream both ways: no part of this crate holds more of a body than one frame, plus the few bytes that the
//! scrubber holds back while a match is undecided.

pub mod account;
mod alert;
mod classify;
pub mod clock;
pub mod connect;
pub mod credential;
mod error;
mod host_client;
mod limits;
pub mod observe;
mod progress;
pub mod proxy;
mod reach;
mod request;
mod response;
pub mod scrub;
mod secret;
mod stream;
pub mod tls;
mod trace;
mod transport;
mod unreachable;
mod webhook;

pub use account::Account;
pub use error::{BuildError, Direction, Error, Stage, TlsFault};
pub use host_client::HostClient;
pub use limits::{Limits, Timeouts};
pub use response::ResponseBody;
pub use secret::Secret;
pub use transport::{Call, Transport, TransportBuilder};
pub use webhook::{WebhookAnswer, WebhookClient, WebhookSecretError, WebhookSecrets, WebhookTarget};
