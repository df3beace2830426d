//! Media type from content, extension and the client's hint, and which of them contradict each other.

use crate::content::Content;

/// Type of a file about which nothing is known.
pub(crate) const UNKNOWN: &str = "application/octet-stream";

/// Extensions that the library takes for something else than what people mean by them.
const CORRECTIONS: [(&str, &str); 9] = [
    ("ts", "text/x-typescript"),
    ("mts", "text/x-typescript"),
    ("cts", "text/x-typescript"),
    ("tsx", "text/x-typescript"),
    ("pub", "text/plain"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("jsonl", "application/jsonl"),
    ("ndjson", "application/x-ndjson"),
];

/// What an extension promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Nothing: no extension, or an unknown one.
    Nothing,
    /// Text, which may well be the source of a page or of a script.
    Text,
    /// Something that runs.
    Program,
    /// A document, a picture, a recording, an archive: to be looked at, never to be run.
    Passive,
}

/// The type that belongs to an extension.
pub(crate) fn by_extension(extension: &str) -> Option<&'static str> {
    CORRECTIONS
        .iter()
        .find(|(known, _)| *known == extension)
        .map(|(_, media)| *media)
        .or_else(|| mime_guess::from_ext(extension).first_raw())
        .filter(|media| *media != UNKNOWN)
}

/// Every type that belongs to an extension, for the operator's list of denied types.
pub(crate) fn all_by_extension(extension: &str) -> Vec<&'static str> {
    let listed = mime_guess::from_ext(extension);
    by_extension(extension)
        .into_iter()
        .chain(listed.iter_raw().filter(|media| *media != UNKNOWN))
        .collect()
}

/// What the extension promises.
pub(crate) fn promise(extension: &str) -> Promise {
    match by_extension(extension) {
        None => Promise::Nothing,
        Some(media) if is_program(media) => Promise::Program,
        Some(media) if is_textual(media) => Promise::Text,
        Some(_) => Promise::Passive,
    }
}

/// Whether the content is dangerous under that extension: a program under anything but a program's, a page or a script
/// under that of a document or picture. Anything else that differs (a PNG named `.jpg`) is a mistake and no danger.
pub(crate) fn contradicts(content: &Content, extension: &str) -> bool {
    matches!(
        (content, promise(extension)),
        (Content::Program(_), Promise::Text | Promise::Passive) | (Content::Script(_), Promise::Passive)
    )
}

/// The type to call the file: content first, the extension where content only shows a family, the hint last.
pub(crate) fn decide(content: &Content, extension: &str, declared: Option<&str>) -> String {
    let guess = by_extension(extension);
    let textual_guess = guess.filter(|media| is_textual(media));
    let hint = || declared.filter(|media| is_media_type(media));
    match content {
        Content::Known(media) | Content::Program(media) | Content::Script(media) => {
            let refined = guess.filter(|guess| refines(guess, media));
            refined.unwrap_or(media).to_owned()
        }
        Content::Text => textual_guess
            .or_else(|| hint().filter(|media| is_textual(media)))
            .unwrap_or("text/plain")
            .to_lowercase(),
        Content::Binary { plain: true } => guess.or_else(hint).unwrap_or(UNKNOWN).to_lowercase(),
        Content::Binary { plain: false } => guess
            .or_else(hint)
            .filter(|media| !is_textual(media))
            .unwrap_or(UNKNOWN)
            .to_lowercase(),
        Content::Empty => guess.or_else(hint).unwrap_or(UNKNOWN).to_lowercase(),
    }
}

/// Whether a type by extension says more than the family that the content shows.
fn refines(guess: &str, found: &str) -> bool {
    match found {
        // Office documents, books, packages: zip and compound files inside.
        "application/zip" | "application/x-ole-storage" | "application/gzip" => {
            guess.starts_with("application/") && guess != "application/pdf" && !is_textual(guess)
                || guess == "image/svg+xml" && found == "application/gzip"
        }
        "text/xml" | "text/html" | "text/x-shellscript" | "application/x-httpd-php" | "application/x-bat" => {
            is_textual(guess) || is_program(guess)
        }
        "video/mp4" | "video/webm" | "video/x-matroska" | "video/quicktime" | "audio/ogg" | "application/ogg"
        | "video/ogg" | "audio/m4a" => guess.starts_with("audio/") || guess.starts_with("video/"),
        "application/vnd.microsoft.portable-executable" | "application/java" => is_program(guess),
        _ => false,
    }
}

/// Types whose bytes are text.
pub(crate) fn is_textual(media: &str) -> bool {
    let media = media.to_ascii_lowercase();
    media.starts_with("text/")
        || media.ends_with("+xml")
        || media.ends_with("+json")
        || media.ends_with("+yaml")
        || matches!(
            media.as_str(),
            "application/json"
                | "application/json5"
                | "application/jsonl"
                | "application/x-ndjson"
                | "application/xml"
                | "application/yaml"
                | "application/toml"
                | "application/javascript"
                | "application/ecmascript"
                | "application/graphql"
                | "application/sql"
                | "application/x-sql"
                | "application/x-tex"
                | "application/x-latex"
                | "application/x-texinfo"
                | "application/x-subrip"
                | "application/x-troff"
                | "application/mbox"
                | "application/pgp-signature"
                | "application/pem-certificate-chain"
                | "message/rfc822"
        )
}

/// Types that are there to be run.
fn is_program(media: &str) -> bool {
    matches!(
        media,
        "application/wasm"
            | "application/hta"
            | "application/java-archive"
            | "application/java-vm"
            | "application/vnd.android.package-archive"
            | "application/vnd.microsoft.portable-executable"
            | "application/x-apple-diskimage"
            | "application/x-csh"
            | "application/x-elf"
            | "application/x-executable"
            | "application/x-httpd-php"
            | "application/x-ms-installer"
            | "application/x-msdownload"
            | "application/x-msi"
            | "application/x-perl"
            | "application/x-python"
            | "application/x-sh"
            | "application/x-sharedlib"
            | "application/x-shockwave-flash"
    )
}

/// Whether a client's claim has the form of a media type without parameters (RFC 6838 §4.2).
pub(crate) fn is_media_type(claim: &str) -> bool {
    let is_token = |part: &str| {
        (1..=127).contains(&part.len())
            && part.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    claim
        .split_once('/')
        .is_some_and(|(kind, name)| is_token(kind) && is_token(name))
}
