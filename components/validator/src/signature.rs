//! Binary formats by their signature. A library knows most; here is what it does not know. Its short signatures get
//! a second look in `plausible`.

use std::borrow::Cow;

use file_format::FileFormat;

use crate::content::Content;
use crate::plausible;

/// A drawing of SketchUp: a text of 14 characters in UTF-16, with a mark, a kind and its length before it.
pub(crate) const SKETCHUP: &[u8] = b"\xFF\xFE\xFF\x0ES\0k\0e\0t\0c\0h\0";

/// Formats that the library does not know.
const MORE: [(&[u8], &str); 14] = [
    (b"\x89HDF\r\n\x1A\n", "application/x-hdf5"),
    (b"\x93NUMPY", "application/x-npy"),
    (b"GGUF", "application/x-gguf"),
    (b"CDF\x01", "application/x-netcdf"),
    (b"CDF\x02", "application/x-netcdf"),
    (b"ORC", "application/vnd.apache.orc"),
    (b"FEA1", "application/vnd.apache.arrow.file"),
    (b"MATLAB 5.0 MAT-file", "application/x-matlab-data"),
    (b"RDX3\n", "application/x-r-data"),
    (b"!BDN", "application/vnd.ms-outlook"),
    (b"\x3F\x5F\x03\x00", "application/winhlp"),
    (b"caff\x00\x01", "audio/x-caf"),
    (b"#!SILK_V3", "audio/silk"),
    (b"\x02#!SILK_V3", "audio/silk"),
];

/// What most people and vendors call a type that the library names otherwise.
const NAMES: [(&str, &str); 22] = [
    ("application/x-cfb", "application/x-ole-storage"),
    ("application/x-id3v2", "audio/mpeg"),
    ("application/x-ebml", "video/x-matroska"),
    ("application/x-matroska", "video/x-matroska"),
    ("video/matroska", "video/x-matroska"),
    ("audio/matroska", "audio/x-matroska"),
    ("application/mp4", "video/mp4"),
    ("application/ogg", "audio/ogg"),
    ("application/eps", "application/postscript"),
    ("application/vnd.ms-asf", "video/x-ms-asf"),
    ("application/x-dwg", "image/vnd.dwg"),
    ("application/fits", "image/fits"),
    ("application/x-archive", "application/x-unix-archive"),
    ("audio/vnd.wave", "audio/wav"),
    ("audio/x-m4a", "audio/mp4"),
    ("audio/x-aiff", "audio/aiff"),
    ("image/apng", "image/png"),
    ("image/x-icon", "image/vnd.microsoft.icon"),
    ("image/x-jp2-codestream", "image/jp2"),
    ("video/avi", "video/x-msvideo"),
    ("application/vnd.adobe.illustrator", "application/pdf"),
    ("application/x-pem-file", "application/x-x509-ca-cert"),
];

/// Types that run when they are opened.
const PROGRAMS: [&str; 8] = [
    "application/java-vm",
    "application/vnd.android.dex",
    "application/vnd.android.dey",
    "application/wasm",
    "application/x-appimage",
    "application/x-executable",
    "application/x-llvm",
    "application/x-mach-binary",
];

/// Types whose signature is two or three bytes, which are a coincidence more often than not: an object file, a stream of zlib,
/// a scene, a picture of an old workstation. The extension says what such a file is.
const COINCIDENCES: [&str; 8] = [
    "application/x-coff",
    "application/x-apple-diskimage",
    "application/x-3ds",
    "application/x-dosexec",
    "image/x-sgi",
    "audio/ac3",
    "application/x-bzip",
    "application/x-commodore-64-program",
];

/// What a file is that is not text.
pub(crate) fn look(head: &[u8]) -> Option<Content> {
    if let Some((_, media)) = MORE.iter().find(|(begin, _)| head.starts_with(begin)) {
        return Some(named(Cow::Borrowed(media)));
    }
    if head.starts_with(b"MZ") {
        return is_windows(head).then(|| Content::program("application/vnd.microsoft.portable-executable"));
    }
    if plausible::is_targa(head) {
        return Some(Content::known("image/x-tga"));
    }
    let found = FileFormat::from_bytes(head);
    let media = found.media_type();
    if matches!(
        found,
        FileFormat::ArbitraryBinaryData | FileFormat::PlainText | FileFormat::Empty
    ) || COINCIDENCES.contains(&media)
        || !plausible::is_confirmed(head, media)
    {
        return None;
    }
    // Text formats were looked for before, with more care.
    (!media.starts_with("text/")).then(|| named(Cow::Owned(media.to_owned())))
}

/// Whether `MZ` begins a program: by the header of DOS, or by the one of Windows whose offset it tells. Windows does
/// not look at what else stands in the header of DOS, so neither does this: only that the offset cannot be text.
fn is_windows(head: &[u8]) -> bool {
    let byte = |at: usize| head.get(at).copied().unwrap_or_default();
    let last_page = u16::from_le_bytes([byte(2), byte(3)]);
    let pages = u16::from_le_bytes([byte(4), byte(5)]);
    if last_page < 512 && pages > 0 && byte(9) == 0 {
        return true;
    }
    let offset = [byte(60), byte(61), byte(62), byte(63)];
    let at = usize::try_from(u32::from_le_bytes(offset)).unwrap_or(usize::MAX);
    match head.get(at..).and_then(|next| next.get(..2)) {
        Some(next) => at >= 4 && matches!(next, b"PE" | b"NE" | b"LE" | b"LX"),
        None => offset.contains(&0) || offset[3] < 0x09,
    }
}

fn named(media: Cow<'static, str>) -> Content {
    if PROGRAMS.contains(&media.as_ref()) {
        return Content::Program(media);
    }
    match NAMES.iter().find(|(library, _)| *library == media) {
        Some((_, name)) => Content::known(name),
        None => Content::Known(media),
    }
}
