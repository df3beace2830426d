//! Media type from content, extension and the client's hint, and which of them contradict each other.

use crate::content::Content;
use crate::{archive, compound};

/// Type of a file about which nothing is known.
pub(crate) const UNKNOWN: &str = "application/octet-stream";

/// Extensions that the library takes for something else than what people mean by them. [`UNKNOWN`] is for those that
/// mean several things: the content says which.
const CORRECTIONS: [(&str, &str); 38] = [
    ("ts", "text/x-typescript"),
    ("mts", "text/x-typescript"),
    ("cts", "text/x-typescript"),
    ("tsx", "text/x-typescript"),
    ("pub", "text/plain"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("jsonl", "application/jsonl"),
    ("ndjson", "application/x-ndjson"),
    ("java", "text/x-java"),
    ("scm", "text/x-scheme"),
    ("org", "text/x-org"),
    ("obj", "model/obj"),
    ("stl", "model/stl"),
    ("bat", "application/x-bat"),
    ("cmd", "application/x-bat"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    // A screen saver of Windows is a program, as is an add-in of Excel.
    ("scr", "application/x-msdownload"),
    ("xll", "application/x-msdownload"),
    // A video, a piece of music, a module of GRUB.
    ("mod", UNKNOWN),
    // Tests of Perl, and a form of troff.
    ("t", UNKNOWN),
    // A matrix, and a table in XML.
    ("mtx", UNKNOWN),
    // A bundle of Android, which is an archive.
    ("aab", UNKNOWN),
    ("py", "text/x-python"),
    ("pyi", "text/x-python"),
    ("pyw", "text/x-python"),
    ("jl", "text/x-julia"),
    ("swift", "text/x-swift"),
    ("scala", "text/x-scala"),
    ("hs", "text/x-haskell"),
    ("ex", "text/x-elixir"),
    ("exs", "text/x-elixir"),
    ("mk", "text/x-makefile"),
    ("ipynb", "application/x-ipynb+json"),
    // A presentation, where it is an archive; keys are text.
    ("key", "application/vnd.apple.keynote"),
    ("pages", "application/vnd.apple.pages"),
    ("numbers", "application/vnd.apple.numbers"),
    ("usdz", USDZ),
];

/// A scene of Pixar in an archive.
const USDZ: &str = "model/vnd.usdz+zip";

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
    /// Another type of its own, which may be in text: a script (`.tcl`), a drawing, a table that is HTML inside.
    Other,
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
        Some(media) if is_passive(media) => Promise::Passive,
        Some(_) => Promise::Other,
    }
}

/// Whether the content is dangerous under that extension: a program under anything but a program's, a page or a script
/// under that of a document or picture. Anything else that differs (a PNG named `.jpg`) is a mistake and no danger.
pub(crate) fn contradicts(content: &Content, extension: &str) -> bool {
    match (content, promise(extension)) {
        // A package of Java or Android is an archive as well, and the base of many another format.
        (Content::Program(media), Promise::Other | Promise::Passive) if is_package(media) => {
            let is_document = |guess| is_passive(guess) && guess != archive::PLAIN || COMPOUND.contains(&guess);
            by_extension(extension).is_some_and(is_document)
        }
        (Content::Program(_), Promise::Text | Promise::Passive | Promise::Other) => true,
        (Content::Script(_), Promise::Passive) => true,
        _ => false,
    }
}

/// The type to call the file: content first, the extension where content only shows a family, the hint last.
pub(crate) fn decide(content: &Content, extension: &str, declared: Option<&str>) -> String {
    let guess = by_extension(extension);
    let hint = || declared.filter(|media| is_media_type(media));
    match content {
        Content::Known(media) | Content::Program(media) => {
            guess.filter(|guess| refines(guess, media)).unwrap_or(media).to_owned()
        }
        Content::Script(media) => {
            let refined = guess.filter(|guess| is_textual(guess) || is_script(guess));
            refined.unwrap_or(media).to_owned()
        }
        Content::Text => guess
            .filter(|media| may_be_text(media))
            .or_else(|| hint().filter(|media| is_textual(media)))
            .unwrap_or("text/plain")
            .to_lowercase(),
        Content::Binary { plain: true } => guess.or_else(hint).unwrap_or("text/plain").to_lowercase(),
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
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| guess.starts_with(beginning));
    match found {
        // Books, drawings, packages: other archives inside. The older Office's documents never are.
        archive::PLAIN => guess == USDZ || is_other_application(guess) && !COMPOUND.contains(&guess),
        // Also documents of Office that are encrypted.
        compound::UNKNOWN => is_other_application(guess),
        "application/gzip" => is_other_application(guess) || guess == "image/svg+xml",
        archive::WORD => begins(&[
            "application/vnd.openxmlformats-officedocument.word",
            "application/vnd.ms-word.",
        ]),
        archive::EXCEL => begins(&[
            "application/vnd.openxmlformats-officedocument.spread",
            "application/vnd.ms-excel.",
        ]),
        archive::POWERPOINT => begins(&[
            "application/vnd.openxmlformats-officedocument.presentation",
            "application/vnd.ms-powerpoint.",
        ]),
        archive::JAVA | archive::ANDROID | "application/java-vm" | "application/x-msi" => is_program(guess),
        "application/vnd.microsoft.portable-executable" => is_program(guess),
        "text/xml" | "image/svg+xml" => is_textual(guess) || is_program(guess),
        "image/tiff" | "image/heif" => begins(&["image/"]),
        "application/x-hdf5" => guess == "application/x-netcdf",
        "application/x-x509-ca-cert" => begins(&["application/x-pkcs7", "application/pkix", "application/pkcs"]),
        // Containers of sound or pictures, or both.
        _ => {
            begins(&["audio/", "video/"])
                && (MEDIA.contains(&found) || found.starts_with("video/x-ms-") || found.starts_with("audio/x-ms-"))
        }
    }
}

fn is_other_application(guess: &str) -> bool {
    guess.starts_with("application/") && guess != "application/pdf" && !is_textual(guess)
}

/// Types that are compound files.
const COMPOUND: [&str; 7] = [
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-outlook",
    "application/vnd.ms-powerpoint",
    "application/vnd.ms-project",
    "application/vnd.visio",
    "application/x-mspublisher",
];

/// Containers in which sound and pictures are stored in the same way.
const MEDIA: [&str; 12] = [
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/x-matroska",
    "video/3gpp",
    "video/3gpp2",
    "video/mp4",
    "video/mpeg",
    "video/ogg",
    "video/quicktime",
    "video/webm",
    "video/x-matroska",
];

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
                | "application/x-tcl"
                | "application/x-subrip"
                | "application/x-troff"
                | "application/mbox"
                | "application/pgp-signature"
                | "application/pem-certificate-chain"
                | "message/rfc822"
        )
}

/// Whether a file of the type may be text: its bytes are, or there is a form of it whose bytes are.
fn may_be_text(media: &str) -> bool {
    is_textual(media)
        || is_script(media)
        || ["chemical/", "image/x-portable-", "model/", "x-world/"]
            .iter()
            .any(|kind| media.starts_with(kind))
        || TEXT_FORMS.contains(&media)
}

/// Types that have a form in text.
const TEXT_FORMS: [&str; 33] = [
    "application/fsharp-script",
    "application/hjson",
    "application/iges",
    "application/mac-binhex40",
    "application/mathematica",
    "application/n-quads",
    "application/n-triples",
    "application/pgp-encrypted",
    "application/pgp-keys",
    "application/pkcs10",
    "application/pkix-crl",
    "application/postscript",
    "application/relax-ng-compact-syntax",
    "application/rtf",
    "application/sdp",
    "application/sparql-query",
    "application/step",
    "application/vnd.apple.mpegurl",
    "application/vnd.cups-ppd",
    "application/vnd.dart",
    "application/vnd.hp-hpgl",
    "application/x-chess-pgn",
    "application/x-dxf",
    "application/x-font-bdf",
    "application/x-java-jnlp-file",
    "application/x-pkcs7-certificates",
    "application/x-research-info-systems",
    "application/x-shar",
    "application/x-x509-ca-cert",
    "application/x-xfig",
    "audio/x-mpegurl",
    "image/x-xbitmap",
    "image/x-xpixmap",
];

/// Documents, pictures, recordings, fonts, books and archives.
fn is_passive(media: &str) -> bool {
    const KINDS: [&str; 11] = [
        "audio/",
        "font/",
        "image/",
        "video/",
        "application/font-",
        "application/vnd.ms-excel.",
        "application/vnd.ms-powerpoint.",
        "application/vnd.ms-word.",
        "application/vnd.oasis.opendocument.",
        "application/vnd.openxmlformats-",
        "application/vnd.sun.xml.",
    ];
    KINDS.iter().any(|kind| media.starts_with(kind)) && !TEXT_FORMS.contains(&media)
        || matches!(
            media,
            "application/epub+zip"
                | "application/gzip"
                | "application/onenote"
                | "application/pdf"
                | "application/vnd.amazon.ebook"
                | "application/vnd.apache.parquet"
                | "application/vnd.apple.numbers"
                | "application/vnd.apple.pages"
                | "application/vnd.ms-outlook"
                | "application/vnd.ms-project"
                | "application/vnd.rar"
                | "application/vnd.visio"
                | "application/x-7z-compressed"
                | "application/x-bzip"
                | "application/x-bzip2"
                | "application/x-compressed"
                | "application/x-gtar"
                | "application/x-gzip"
                | "application/x-mobipocket-ebook"
                | "application/x-rar-compressed"
                | "application/x-tar"
                | "application/x-xz"
                | "application/x-zip-compressed"
                | "application/zip"
                | "application/zstd"
        )
}

/// Programs in text.
fn is_script(media: &str) -> bool {
    matches!(
        media,
        "application/hta"
            | "application/PowerShell"
            | "application/x-bat"
            | "application/x-csh"
            | "application/x-httpd-php"
            | "application/x-makeself"
            | "application/x-perl"
            | "application/x-python"
            | "application/x-sh"
    )
}

/// Types that are there to be run.
fn is_program(media: &str) -> bool {
    is_script(media)
        || is_package(media)
        || matches!(
            media,
            "application/wasm"
                | "application/java-vm"
                | "application/vnd.microsoft.portable-executable"
                | "application/x-apple-diskimage"
                | "application/x-elf"
                | "application/x-executable"
                | "application/x-java-applet"
                | "application/x-ms-installer"
                | "application/x-msdownload"
                | "application/x-sharedlib"
                | "application/x-shockwave-flash"
        )
}

/// Programs in an archive or a compound file.
fn is_package(media: &str) -> bool {
    matches!(
        media,
        "application/java-archive" | "application/vnd.android.package-archive" | "application/x-msi"
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
