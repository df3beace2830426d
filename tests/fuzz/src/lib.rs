//! One function for each group of parsers that face the network or a component: it takes any bytes, and panics if a
//! promise is broken. Where a group has several, the first byte chooses.
//!
//! | target | parsers |
//! |---|---|
//! | `egress_url` | paths that a component asks for |
//! | `scrub` | secrets in what a vendor answers, chunk by chunk; ids that it must have said |
//! | `headers` | bearer credentials of HTTP and WebSocket, `traceparent`, `Host`, `Origin`, `Idempotency-Key`, `Prefer` |
//! | `form` | multipart forms of OpenAI's door, and what they ask for |
//! | `openai` | queries and JSON bodies of that door, `Content-Disposition` |
//! | `tus` | `Upload-Metadata`, `Upload-Concat`, `Upload-Checksum`, numbers |
//! | `json_rpc` | calls over a WebSocket |
//! | `mcp` | arguments of tools; pages of text |
//! | `credential` | tokens and their claims, in the auth component |
//! | `file` | names, types and first bytes, in the validator component |
//! | `vendor` | answers of vendors, in the SDK and the providers; forms that they are sent |
//!
//! `make fuzz` runs each under libFuzzer; `tests/corpus.rs` replays the kept corpus.

mod targets;

/// A target: its name, which is its folder's in `corpus/`, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("egress_url", targets::egress_url),
    ("scrub", targets::scrub),
    ("headers", loadlock_server::fuzzing::headers),
    ("form", loadlock_server::fuzzing::form),
    ("openai", loadlock_server::fuzzing::openai),
    ("tus", loadlock_server::fuzzing::tus),
    ("json_rpc", loadlock_server::fuzzing::json_rpc),
    ("mcp", loadlock_server::fuzzing::mcp),
    ("credential", loadlock_fuzz_components::credential),
    ("file", loadlock_fuzz_components::file),
    ("vendor", loadlock_fuzz_components::vendor),
];

/// The target of that name.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, run)| *run)
}
