//! What Anthropic takes, from its documentation. It knows no purposes: the one word here is OpenAI's for files that go
//! with a message.

use loadlock_sdk::profile::{DAY_S, GB, MB, PurposeFacts};
use loadlock_sdk::types::Retention;

/// The path of the Files API beneath the base.
pub(crate) const FILES: &str = "/v1/files";
/// The version of the API that this component was written for.
pub(crate) const VERSION: &str = "2026-10-21";
/// Most files of one page of the list.
pub(crate) const PAGE: u32 = 1_000;
/// Longest file name, in characters.
pub(crate) const NAME_CHARACTERS: usize = 255;
/// Characters that a file name may not have, beside control characters.
pub(crate) const NOT_IN_NAMES: &str = "<>:\"|?*\\/";

/// Any type is stored; images, PDF and plain text are what a message can use.
pub(crate) const PURPOSES: [PurposeFacts; 1] = [PurposeFacts {
    name: "user_data",
    max_bytes: Some(500 * MB),
    // Of an organisation.
    max_total_bytes: Some(1_000 * GB),
    retention: Retention::Chosen((3_600, 90 * DAY_S)),
    // Content comes back only of files that a tool has made.
    ..PurposeFacts::ANY
}];
