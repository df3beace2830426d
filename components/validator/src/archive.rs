//! What a ZIP archive is, by the names of what is in it: documents, books, packages and programs share the format.

use memchr::memmem;

use crate::content::Content;

/// How an archive begins that has something in it.
pub(crate) const SIGNATURE: &[u8] = b"PK\x03\x04";

/// An archive of no other kind.
pub(crate) const PLAIN: &str = "application/zip";

pub(crate) const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
pub(crate) const EXCEL: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
pub(crate) const EXCEL_BINARY: &str = "application/vnd.ms-excel.sheet.binary.macroEnabled.12";
pub(crate) const POWERPOINT: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
pub(crate) const VISIO: &str = "application/vnd.ms-visio.drawing.main+xml";
pub(crate) const JAVA: &str = "application/java-archive";
pub(crate) const ANDROID: &str = "application/vnd.android.package-archive";

/// Types that an archive may call itself in its first entry, `mimetype` (OpenDocument, EPUB OCF).
const OWN_WORDS: [&str; 23] = [
    "application/epub+zip",
    "application/vnd.adobe.indesign-idml-package",
    "application/vnd.oasis.opendocument.base",
    "application/vnd.oasis.opendocument.chart",
    "application/vnd.oasis.opendocument.formula",
    "application/vnd.oasis.opendocument.graphics",
    "application/vnd.oasis.opendocument.graphics-template",
    "application/vnd.oasis.opendocument.image",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.presentation-template",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.spreadsheet-template",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.text-master",
    "application/vnd.oasis.opendocument.text-template",
    "application/vnd.oasis.opendocument.text-web",
    "application/vnd.sun.xml.calc",
    "application/vnd.sun.xml.draw",
    "application/vnd.sun.xml.impress",
    "application/vnd.sun.xml.writer",
    "application/x-krita",
    "application/hwp+zip",
    "image/openraster",
];

/// A kind by the beginning of an entry's name, where `[Content_Types].xml` makes it a package of Office. The first
/// that is there decides.
const PACKAGES: [(&[u8], &str); 8] = [
    (b"xl/workbook.bin", EXCEL_BINARY),
    (b"word/", WORD),
    (b"xl/", EXCEL),
    (b"ppt/", POWERPOINT),
    (b"visio/", VISIO),
    (b"3D/", "model/3mf"),
    (b"FixedDocSeq.fdseq", "application/vnd.ms-xpsdocument"),
    (b"FixedDocumentSequence.fdseq", "application/oxps"),
];

/// The kind of archive that begins with `head` and whose central directory begins with `contents`.
pub(crate) fn look(head: &[u8], contents: &[u8]) -> Content {
    if let Some(media) = own_word(head) {
        return Content::known(media);
    }
    let names: Vec<&[u8]> = names(head, SIGNATURE, 26, 30)
        .chain(names(contents, b"PK\x01\x02", 28, 46))
        .collect();
    let holds = |begin: &[u8]| names.iter().any(|name| name.starts_with(begin));
    if holds(b"[Content_Types].xml")
        && let Some((_, media)) = PACKAGES.iter().find(|(begin, _)| holds(begin))
    {
        return Content::known(media);
    }
    if holds(b"AndroidManifest.xml") && (holds(b"classes.dex") || holds(b"resources.arsc")) {
        return Content::program(ANDROID);
    }
    if holds(b"META-INF/MANIFEST.MF") {
        return Content::program(JAVA);
    }
    if names
        .iter()
        .any(|name| name.ends_with(b".kml") && !name.contains(&b'/'))
    {
        return Content::known("application/vnd.google-earth.kmz");
    }
    Content::known(PLAIN)
}

/// What the archive calls itself in its first entry, which is stored as it is.
fn own_word(head: &[u8]) -> Option<&'static str> {
    let start = head.get(30..)?.strip_prefix(b"mimetype")?;
    let extra = usize::from(u16::from_le_bytes([head[28], head[29]]));
    let word = start.get(extra..)?;
    let longest_first = OWN_WORDS.iter().filter(|known| word.starts_with(known.as_bytes()));
    longest_first.max_by_key(|known| known.len()).copied()
}

/// Names of entries: after each header, at `name`, whose length stands at `length`.
fn names<'a>(bytes: &'a [u8], header: &'a [u8], length: usize, name: usize) -> impl Iterator<Item = &'a [u8]> {
    memmem::find_iter(bytes, header).filter_map(move |at| {
        let entry = &bytes[at..];
        let length = usize::from(u16::from_le_bytes([*entry.get(length)?, *entry.get(length + 1)?]));
        entry.get(name..name + length)
    })
}
