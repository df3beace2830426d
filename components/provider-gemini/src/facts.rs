//! What Gemini takes, from its documentation. It knows no purposes: the one word here is OpenAI's for files that go
//! with a message.

use loadlock_sdk::profile::{GB, PurposeFacts};
use loadlock_sdk::types::Retention;

/// Versions of the API that have the same files; the first is the default.
pub(crate) const VERSIONS: [&str; 2] = ["v1", "v1beta"];
/// Most files of one page of the list.
pub(crate) const PAGE: u32 = 100;
/// Milliseconds between two looks at a file that is processed.
pub(crate) const POLL_INTERVAL_MS: u32 = 2_000;

/// Any type is stored, for two days, and nothing is given back.
pub(crate) const PURPOSES: [PurposeFacts; 1] = [PurposeFacts {
    name: "user_data",
    max_bytes: Some(2 * GB),
    // Of a project: 20 GiB.
    max_total_bytes: Some(21_474_836_480),
    retention: Retention::Fixed(48 * 3_600),
    ..PurposeFacts::ANY
}];
