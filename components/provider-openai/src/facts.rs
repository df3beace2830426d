//! What each dialect takes, from the vendors' documentation. The settings `purposes`, `max_bytes` and `max_count`
//! override it.

use loadlock_sdk::profile::{DAY_S, GB, MB, PurposeFacts};
use loadlock_sdk::types::{ContentKind, Retention};

/// Largest file of one `POST /files`; OpenAI takes larger ones through `/uploads`.
pub(crate) const SINGLE_MAX_BYTES: u64 = 512 * MB;

/// Size of a part of `/uploads`. The documented largest is 64 MB; whether that means 10^6 or 2^20, this many bytes
/// pass.
pub(crate) const PART_BYTES: u64 = 64 * MB;

/// OpenAI itself. Content comes back for the inputs and outputs of jobs, not for what users attach.
const OPENAI_COMMON: PurposeFacts = PurposeFacts {
    max_bytes: Some(8 * GB),
    max_total_bytes: Some(2_500 * GB),
    retention: Retention::Chosen((3_600, 30 * DAY_S)),
    ..PurposeFacts::ANY
};

pub(crate) const OPENAI: [PurposeFacts; 6] = [
    PurposeFacts {
        name: "user_data",
        ..OPENAI_COMMON
    },
    PurposeFacts {
        name: "assistants",
        ..OPENAI_COMMON
    },
    PurposeFacts {
        name: "batch",
        max_bytes: Some(200 * MB),
        // Batch files go after 30 days, whatever was asked.
        retention: Retention::Fixed(30 * DAY_S),
        extensions: &["jsonl"],
        content: ContentKind::Raw,
        ..OPENAI_COMMON
    },
    PurposeFacts {
        name: "fine-tune",
        extensions: &["jsonl"],
        content: ContentKind::Raw,
        ..OPENAI_COMMON
    },
    PurposeFacts {
        name: "vision",
        media_types: &["image/*"],
        ..OPENAI_COMMON
    },
    PurposeFacts {
        name: "evals",
        extensions: &["jsonl"],
        ..OPENAI_COMMON
    },
];

/// A server that says of itself that it is compatible: OpenAI's words, one request's limit, content as it was.
pub(crate) const COMPATIBLE_COMMON: PurposeFacts = PurposeFacts {
    max_bytes: Some(SINGLE_MAX_BYTES),
    retention: Retention::Unknown,
    content: ContentKind::Raw,
    ..PurposeFacts::ANY
};

pub(crate) const COMPATIBLE: [PurposeFacts; 6] = [
    PurposeFacts {
        name: "user_data",
        ..COMPATIBLE_COMMON
    },
    PurposeFacts {
        name: "assistants",
        ..COMPATIBLE_COMMON
    },
    PurposeFacts {
        name: "batch",
        ..COMPATIBLE_COMMON
    },
    PurposeFacts {
        name: "fine-tune",
        ..COMPATIBLE_COMMON
    },
    PurposeFacts {
        name: "vision",
        ..COMPATIBLE_COMMON
    },
    PurposeFacts {
        name: "evals",
        ..COMPATIBLE_COMMON
    },
];

pub(crate) const MISTRAL: [PurposeFacts; 3] = [
    PurposeFacts {
        name: "ocr",
        ..COMPATIBLE_COMMON
    },
    PurposeFacts {
        name: "batch",
        extensions: &["jsonl"],
        ..COMPATIBLE_COMMON
    },
    PurposeFacts {
        name: "fine-tune",
        extensions: &["jsonl"],
        ..COMPATIBLE_COMMON
    },
];

/// OpenRouter documents MiB, alone among the vendors, and gives workspace files to nobody.
pub(crate) const OPENROUTER: [PurposeFacts; 1] = [PurposeFacts {
    name: "user_data",
    max_bytes: Some(100 << 20),
    max_total_bytes: Some(10 << 30),
    ..PurposeFacts::ANY
}];
