//! The Model Context Protocol: `/mcp` over streamable HTTP, and standard input and output for `loadlock mcp`.
//!
//! | module | one job |
//! |---|---|
//! | `http` | `/mcp`: authenticates every request, sessions belong to who opened them |
//! | `accept` | clients that take anything |
//! | `body` | bodies, which are held in memory: how many at once |
//! | `origin` | which `Host` and `Origin` are answered: DNS rebinding |
//! | `sessions` | who opened which session |
//! | `stdio`, `identify` | the same tools for the user of this machine |
//! | `server` | the protocol's server: which tools there are, who calls |
//! | `tools` | what each tool does |
//! | `input`, `output`, `catalog` | parameters, results, descriptions and annotations |
//! | `uploading`, `progress` | an upload with progress notifications and cancellation |
//! | `text` | a page of text out of a stream of bytes |
//! | `results` | results and errors as tools answer them |

mod accept;
mod body;
mod catalog;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod http;
mod identify;
mod input;
mod origin;
mod output;
mod progress;
mod results;
mod server;
mod sessions;
mod stdio;
mod text;
mod tools;
mod uploading;

pub(crate) use http::routes;
pub use identify::Identify;
pub(crate) use origin::Hosts;
pub use stdio::serve_stdio;
