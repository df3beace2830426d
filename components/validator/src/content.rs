//! What the first bytes of a file are.

use std::borrow::Cow;

/// The kind of content, as far as the first bytes show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing to look at.
    Empty,
    /// Machine code: a program, a library, a module.
    Program(&'static str),
    /// Text that a browser or a shell would run: HTML, a script.
    Script(&'static str),
    /// Another type with a signature.
    Known(&'static str),
    /// Text without a signature.
    Text,
    /// Neither text nor known. `plain` if it may still be text in an old encoding: it has no control bytes.
    Binary { plain: bool },
}

impl Content {
    /// The media type, where there is a signature.
    pub(crate) fn media_type(&self) -> Option<&'static str> {
        match self {
            Self::Program(media) | Self::Script(media) | Self::Known(media) => Some(media),
            Self::Empty | Self::Text | Self::Binary { .. } => None,
        }
    }
}

/// Signatures of two or three letters that begin many a text are believed for these types only, when the rest is text.
const TEXTUAL: [&str; 4] = [
    "text/xml",
    "application/pdf",
    "application/rtf",
    "application/postscript",
];

/// How a page or a script begins, in lower case, where the library does not look.
const SCRIPT_STARTS: [(&str, &str); 6] = [
    ("<?php", "application/x-httpd-php"),
    ("<script", "text/html"),
    ("<html", "text/html"),
    ("<!doctype html", "text/html"),
    ("@echo off", "application/x-bat"),
    ("#!", "text/x-shellscript"),
];

/// Looks at the first bytes of a file.
pub(crate) fn look(head: &[u8]) -> Content {
    if head.is_empty() {
        return Content::Empty;
    }
    if let Some(text) = as_text(head) {
        return look_at_text(&text);
    }
    match infer::get(head) {
        Some(found) => classify(head, found.mime_type()),
        None => Content::Binary {
            plain: !has_binary(head),
        },
    }
}

/// The head as text: UTF-8, or UTF-16 with a byte order mark; without control bytes that text does not have.
///
/// The head may end inside a character.
pub(crate) fn as_text(head: &[u8]) -> Option<Cow<'_, str>> {
    if let Some(text) = from_utf16(head) {
        return (!has_binary(text.as_bytes())).then_some(Cow::Owned(text));
    }
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&head[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    if has_binary(valid.as_bytes()) {
        return None;
    }
    Some(Cow::Borrowed(valid.strip_prefix('\u{FEFF}').unwrap_or(valid)))
}

/// The head in UTF-8, if it begins with UTF-16's byte order mark. What is no character becomes a replacement character.
fn from_utf16(head: &[u8]) -> Option<String> {
    let decode: fn([u8; 2]) -> u16 = match head {
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units = head[2..].chunks_exact(2).map(|pair| decode([pair[0], pair[1]]));
    let characters = char::decode_utf16(units);
    Some(characters.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

/// The head as bytes in which ASCII stands for itself: UTF-16 text in UTF-8, and anything else as it is.
pub(crate) fn as_ascii_superset(head: &[u8]) -> Cow<'_, [u8]> {
    match from_utf16(head) {
        Some(text) if !has_binary(text.as_bytes()) => Cow::Owned(text.into_bytes()),
        _ => Cow::Borrowed(head),
    }
}

/// Whether a byte is there that no text holds. Looks at a block whole, which becomes vector instructions, before it
/// stops.
fn has_binary(bytes: &[u8]) -> bool {
    bytes
        .chunks(256)
        .any(|block| block.iter().fold(false, |found, byte| found | is_binary(*byte)))
}

/// Bytes that no text holds (WHATWG MIME Sniffing §3, "binary data byte").
fn is_binary(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F)
}

fn look_at_text(text: &str) -> Content {
    let start = text.trim_start();
    let lower: String = start.chars().take(16).flat_map(char::to_lowercase).collect();
    if let Some((_, media)) = SCRIPT_STARTS.iter().find(|(begin, _)| lower.starts_with(begin)) {
        return Content::Script(media);
    }
    match infer::get(start.as_bytes()).map(|found| found.mime_type()) {
        Some("text/html") => Content::Script("text/html"),
        Some(media) if TEXTUAL.contains(&media) => Content::Known(media),
        _ => Content::Text,
    }
}

fn classify(head: &[u8], media: &'static str) -> Content {
    let program = match media {
        "application/wasm"
        | "application/x-executable"
        | "application/java"
        | "application/x-mach-binary"
        | "application/vnd.android.dex"
        | "application/vnd.android.dey" => !is_object_file(head),
        "application/vnd.microsoft.portable-executable" => true,
        "application/x-llvm" => head.starts_with(b"BC\xC0\xDE"),
        _ => false,
    };
    match media {
        _ if program => Content::Program(media),
        // Two bytes each: a coincidence more often than an object file.
        "application/x-executable" | "application/x-llvm" => Content::Binary { plain: false },
        "text/html" | "text/x-shellscript" => Content::Script(media),
        _ => Content::Known(media),
    }
}

/// Whether the library took it for a COFF object by its first two bytes, rather than for an ELF file.
fn is_object_file(head: &[u8]) -> bool {
    infer::app::is_coff(head)
}
