//! What Kimi takes, from its documentation. The enumeration of purposes has changed before: it is data, and the
//! settings `purposes`, `max_bytes` and `max_count` override it.

use loadlock_sdk::profile::{GB, MB, PurposeFacts};
use loadlock_sdk::types::ContentKind;

/// What holds for every purpose: 100 MB a file, 1,000 files and 10 GB a user.
pub(crate) const COMMON: PurposeFacts = PurposeFacts {
    max_bytes: Some(100 * MB),
    max_count: Some(1_000),
    max_total_bytes: Some(10 * GB),
    ..PurposeFacts::ANY
};

pub(crate) const PURPOSES: [PurposeFacts; 4] = [
    PurposeFacts {
        name: "file-extract",
        extensions: &DOCUMENTS,
        media_types: &[
            "text/*",
            "image/*",
            "application/pdf",
            "application/json",
            "application/msword",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.ms-excel",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.ms-powerpoint",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "application/epub+zip",
            "application/x-mobipocket-ebook",
        ],
        content: ContentKind::Extracted,
        ..COMMON
    },
    PurposeFacts {
        name: "image",
        media_types: &["image/*"],
        ..COMMON
    },
    PurposeFacts {
        name: "video",
        media_types: &["video/*"],
        ..COMMON
    },
    PurposeFacts {
        name: "batch",
        extensions: &["jsonl"],
        ..COMMON
    },
];

const DOCUMENTS: [&str; 55] = [
    "pdf", "txt", "csv", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "md", "jpeg", "jpg", "png", "bmp", "gif", "svg",
    "svgz", "webp", "ico", "xbm", "dib", "pjp", "tif", "pjpeg", "avif", "dot", "apng", "epub", "tiff", "jfif", "html",
    "json", "mobi", "log", "go", "h", "c", "cpp", "cxx", "cc", "cs", "java", "js", "css", "jsp", "php", "py", "py3",
    "asp", "yaml", "yml", "ini", "conf", "ts", "tsx",
];
