//! Network front doors. They translate a protocol into calls of one [`Gateway`](loadlock_gateway::Gateway) and its
//! answers back, and decide nothing about files, paths or providers.
//!
//! | module | one job |
//! |---|---|
//! | [`Server`] | binds, accepts connections, stops in a bounded time |
//! | `app` | what every front door shares |
//! | `identity` | from a request to an authenticated principal |
//! | `advice` | what a client is told to do |
//! | `answer` | the gateway's errors on the wire |
//! | `overload`, `pace` | too many requests at once, and bodies that come too slowly |
//! | `coding`, `query`, `integer` | encoded bodies, unknown parameters, `5.0` |
//! | `early` | answers that come before the body is whole |
//! | `rpc` | JSON-RPC 2.0: from any bytes to a call or an error answer |
//! | `authority` | one server and one framing for each request, or a refusal |
//! | `cors` | pages of other origins |
//! | `request_id` | a name for each request |
//! | `trace` | the trace that a client's request belongs to |
//! | `upload_options` | what a client asks for beside the bytes, for every door |
//! | `uploads` | uploads under way: progress for watchers, cancellation, one task each |
//! | `notice`, `feed` | what watchers are told; the newest of it, with places to resume at |
//! | `events` | `/v1/loadlock/events` |
//! | `metrics` | `/metrics` |
//! | `health` | `/healthz`, `/readyz` |
//! | `forward` | `/v1/providers/{name}/…`: requests that go on to a vendor |
//! | `openai` | `/v1/files`, `/v1/uploads` |
//! | `operate` | `/v1/loadlock`: providers, routes, reconciling and the books, for whoever keeps the gateway |
//! | `tus` | `/v1/tus` |
//! | `webhooks` | `/v1/loadlock/webhooks` |
//! | `grants` | `/v1/loadlock/upload-grants`: one upload each, by whoever has no token |
//! | `page` | the page at `/`, and its sessions |
//! | `ws` | `/v1/ws` |
//! | `mcp` | `/mcp`, and [`serve_stdio`] |

mod advice;
mod answer;
mod app;
mod authority;
mod coding;
mod copies;
mod cors;
mod early;
mod elsewhere;
mod events;
mod feed;
mod forward;
#[cfg(feature = "fuzzing")]
mod fuzz_input;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod grants;
#[cfg(feature = "fuzzing")]
mod headers_fuzzing;
mod health;
mod identity;
mod integer;
mod listen;
mod mcp;
mod metrics;
mod notice;
mod openai;
mod operate;
mod overload;
mod pace;
mod page;
mod percent;
mod process_metrics;
mod query;
mod request_id;
mod request_metrics;
mod router;
mod rpc;
mod trace;
mod tus;
mod upload_options;
mod uploads;
mod webhooks;
mod ws;

pub use listen::{Beside, COMMAND_SOCKET, Certificate, Options, SOCKET, ServeError, Server, Stop, TlsFiles};
pub use mcp::{Identify, serve_stdio};
pub use percent::percent_encoded;
pub use upload_options::{AUTO, BadOption, OptionField, UploadOptions};
