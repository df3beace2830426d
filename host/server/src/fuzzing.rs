//! What the parsers of this crate promise for any bytes, for the fuzz targets: each function panics if a promise is
//! broken. Not part of the crate's interface.

pub use crate::headers_fuzzing::headers;
pub use crate::mcp::fuzzing::mcp;
pub use crate::openai::fuzzing::{form, openai};
pub use crate::tus::fuzzing::tus;
pub use crate::ws::fuzzing::json_rpc;
