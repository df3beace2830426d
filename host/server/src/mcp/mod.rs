//! The Model Context Protocol: `/mcp` over streamable HTTP, and standard input and output for `loadlock mcp`.
//!
//! | module | one job |
//! |---|---|
//! | `http` | `/mcp`: authenticates every request, sessions belong to who opened them |
//! | `accept`, `single` | which type of answer a client takes; an answer without the events before it |
//! | `malformed`, `plain` | what is not understood, and refusals without a code |
//! | `body` | bodies, which are held in memory: how many at once |
//! | `origin` | which `Host` and `Origin` are answered: DNS rebinding |
//! | `sessions` | who opened which session |
//! | `stdio`, `lines`, `identify` | the same tools for the user of this machine |
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
mod lines;
mod malformed;
mod origin;
mod output;
mod plain;
mod progress;
mod results;
mod server;
mod sessions;
mod single;
mod stdio;
mod text;
mod tools;
mod uploading;

pub(crate) use http::routes;
pub use identify::Identify;
pub(crate) use origin::Hosts;
pub use stdio::serve_stdio;
