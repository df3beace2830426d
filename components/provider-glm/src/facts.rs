//! What the two GLM platforms take, from their documentation; they differ in nearly everything. The settings
//! `purposes`, `max_bytes` and `max_count` override it.

use loadlock_sdk::profile::{DAY_S, MB, PurposeFacts};
use loadlock_sdk::types::{ContentKind, Retention};

/// z.ai: one purpose, kept half a year, never given back.
pub(crate) const ZAI: [PurposeFacts; 1] = [PurposeFacts {
    name: "agent",
    max_bytes: Some(100 * MB),
    extensions: &["pdf", "doc", "xlsx", "ppt", "txt", "jpg", "jpeg", "png"],
    media_types: &["application/pdf", "image/jpeg", "image/png"],
    max_count: Some(100),
    retention: Retention::Fixed(180 * DAY_S),
    ..PurposeFacts::ANY
}];

/// bigmodel.cn, where nothing is said about retention: what holds for every purpose unless it says otherwise.
pub(crate) const BIGMODEL_COMMON: PurposeFacts = PurposeFacts {
    max_bytes: Some(20 * MB),
    image_max_bytes: Some(5 * MB),
    max_count: Some(100),
    retention: Retention::Unknown,
    ..PurposeFacts::ANY
};

pub(crate) const BIGMODEL: [PurposeFacts; 5] = [
    PurposeFacts {
        name: "agent",
        max_count: Some(1_000),
        ..BIGMODEL_COMMON
    },
    PurposeFacts {
        name: "file-extract",
        max_bytes: Some(50 * MB),
        extensions: &[
            "pdf", "docx", "doc", "xls", "xlsx", "ppt", "pptx", "png", "jpg", "jpeg", "csv",
        ],
        content: ContentKind::Extracted,
        ..BIGMODEL_COMMON
    },
    PurposeFacts {
        name: "batch",
        max_bytes: Some(100 * MB),
        image_max_bytes: None,
        extensions: &["jsonl"],
        max_count: Some(1_000),
        content: ContentKind::Raw,
        ..BIGMODEL_COMMON
    },
    PurposeFacts {
        name: "code-interpreter",
        ..BIGMODEL_COMMON
    },
    PurposeFacts {
        name: "voice-clone-input",
        image_max_bytes: None,
        extensions: &["mp3", "wav"],
        max_count: None,
        ..BIGMODEL_COMMON
    },
];
