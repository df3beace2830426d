//! What each dialect takes, from the vendors' documentation. The settings `purposes`, `max_bytes` and `max_count`
//! override it.

use loadlock_sdk::profile::{DAY_S, GB, MB, PurposeFacts};
use loadlock_sdk::types::{ContentKind, Retention};

/// Largest file of one `POST /files`; OpenAI takes larger ones through `/uploads`.
pub(crate) const SINGLE_MAX_BYTES: u64 = 512 * MB;

/// Largest file of one request to Azure: a larger one is accepted, and the job that is to use it fails.
pub(crate) const AZURE_SINGLE_MAX_BYTES: u64 = 150 * MB;

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

/// A resource of Azure OpenAI. Content as at OpenAI.
const AZURE_COMMON: PurposeFacts = PurposeFacts {
    max_bytes: Some(512 * MB),
    retention: Retention::Chosen((3_600, 30 * DAY_S)),
    ..PurposeFacts::ANY
};

pub(crate) const AZURE: [PurposeFacts; 5] = [
    PurposeFacts {
        name: "user_data",
        ..AZURE_COMMON
    },
    PurposeFacts {
        name: "assistants",
        ..AZURE_COMMON
    },
    PurposeFacts {
        name: "batch",
        max_bytes: Some(200 * MB),
        extensions: &["jsonl"],
        content: ContentKind::Raw,
        ..AZURE_COMMON
    },
    PurposeFacts {
        name: "fine-tune",
        // Of one resource.
        max_count: Some(50),
        max_total_bytes: Some(GB),
        extensions: &["jsonl"],
        content: ContentKind::Raw,
        ..AZURE_COMMON
    },
    PurposeFacts {
        name: "evals",
        extensions: &["jsonl"],
        ..AZURE_COMMON
    },
];

/// xAI looks at no purpose: the word is OpenAI's.
pub(crate) const XAI: [PurposeFacts; 1] = [PurposeFacts {
    name: "user_data",
    max_bytes: Some(50 * MB),
    retention: Retention::Chosen((3_600, 30 * DAY_S)),
    content: ContentKind::Raw,
    ..PurposeFacts::ANY
}];

/// Alibaba's compatible mode.
const QWEN_COMMON: PurposeFacts = PurposeFacts {
    max_count: Some(10_000),
    max_total_bytes: Some(100 * GB),
    ..PurposeFacts::ANY
};

pub(crate) const QWEN: [PurposeFacts; 3] = [
    PurposeFacts {
        name: "file-extract",
        max_bytes: Some(150 * MB),
        ..QWEN_COMMON
    },
    PurposeFacts {
        name: "batch",
        max_bytes: Some(500 * MB),
        extensions: &["jsonl"],
        content: ContentKind::Raw,
        ..QWEN_COMMON
    },
    PurposeFacts {
        name: "fine-tune",
        max_bytes: Some(300 * MB),
        extensions: &["jsonl"],
        ..QWEN_COMMON
    },
];

/// DeepSeek documents MiB, looks at the bytes for their type and takes images alone.
pub(crate) const DEEPSEEK: [PurposeFacts; 1] = [PurposeFacts {
    name: "user_data",
    max_bytes: Some(64 << 20),
    media_types: &["image/*"],
    retention: Retention::Chosen((3_600, 30 * DAY_S)),
    ..PurposeFacts::ANY
}];
