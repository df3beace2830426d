//! What a compound file (OLE, [MS-CFB]) is, by the entries of its directory: every document of the older Office, an
//! installer and a message of Outlook begin with the same eight bytes.

use crate::content::Content;

/// How a compound file begins.
pub(crate) const SIGNATURE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// A compound file about which the directory says nothing, or which was not to be seen.
pub(crate) const UNKNOWN: &str = "application/x-ole-storage";

/// Bytes of an entry.
const ENTRY: usize = 128;

/// What an entry directly beneath the root says about the file. The first that is there decides.
const NAMES: [(&str, &str); 16] = [
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("PP40", "application/vnd.ms-powerpoint"),
    ("VisioDocument", "application/vnd.visio"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("__nameid_version1.0", "application/vnd.ms-outlook"),
    ("Quill", "application/x-mspublisher"),
    ("MatOST", "application/vnd.ms-works"),
    ("\u{5}HwpSummaryInformation", "application/x-hwp"),
    ("StarWriterDocument", "application/vnd.stardivision.writer"),
    ("StarCalcDocument", "application/vnd.stardivision.calc"),
    ("StarDrawDocument3", "application/vnd.stardivision.draw"),
    ("Props14", "application/vnd.ms-project"),
    ("Props9", "application/vnd.ms-project"),
];

/// Classes of the root, in the order of their bytes, where the names say nothing.
const CLASSES: [(&[u8; 4], &str); 12] = [
    (b"\x06\x09\x02\x00", "application/msword"),
    (b"\x00\x09\x02\x00", "application/msword"),
    (b"\x20\x08\x02\x00", "application/vnd.ms-excel"),
    (b"\x10\x08\x02\x00", "application/vnd.ms-excel"),
    (b"\x10\x8D\x81\x64", "application/vnd.ms-powerpoint"),
    (b"\x70\xAE\x7B\xEA", "application/vnd.ms-powerpoint"),
    (b"\x0B\x0D\x02\x00", "application/vnd.ms-outlook"),
    (b"\x14\x1A\x02\x00", "application/vnd.visio"),
    (b"\x01\x12\x02\x00", "application/x-mspublisher"),
    (b"\x84\x10\x0C\x00", MSI),
    (b"\x86\x10\x0C\x00", MSI),
    (b"\x82\x10\x0C\x00", MSI),
];

const MSI: &str = "application/x-msi";

/// The kind of file whose directory begins with `contents`.
pub(crate) fn look(contents: &[u8]) -> Content {
    let found = by_names(contents).or_else(|| by_class(contents));
    match found {
        Some(MSI) => Content::program(MSI),
        found => Content::known(found.unwrap_or(UNKNOWN)),
    }
}

fn by_names(contents: &[u8]) -> Option<&'static str> {
    let names = beneath_root(contents);
    if names.iter().any(|name| name.starts_with('\u{4840}')) {
        // Tables of an installer, whose names are in a code of their own.
        return Some(MSI);
    }
    let found = NAMES.iter().find(|(known, _)| names.iter().any(|name| name == known));
    found.map(|(_, media)| *media)
}

/// Names of the entries directly beneath the root: what is embedded in a document is not what the document is.
fn beneath_root(contents: &[u8]) -> Vec<String> {
    // No entry has the number of all ones, which is past the end of a 32-bit memory as well.
    let entry = |id: usize| contents.get(id.checked_mul(ENTRY)?..)?.get(..ENTRY);
    let link = |entry: &[u8], at: usize| read_u32(entry, at).and_then(|id| usize::try_from(id).ok());
    let mut seen = vec![false; contents.len() / ENTRY];
    let mut waiting: Vec<usize> = entry(0).and_then(|root| link(root, 76)).into_iter().collect();
    let mut names = Vec::new();
    while let Some(id) = waiting.pop() {
        // A tree that bites its tail ends here, as does one whose other entries were not read.
        let (Some(entry), Some(seen)) = (entry(id), seen.get_mut(id)) else {
            continue;
        };
        if std::mem::replace(seen, true) {
            continue;
        }
        names.push(name(entry));
        waiting.extend(link(entry, 68).into_iter().chain(link(entry, 72)));
    }
    names
}

fn name(entry: &[u8]) -> String {
    let bytes = usize::from(u16::from_le_bytes([entry[64], entry[65]])).clamp(2, 64) - 2;
    let units = entry[..bytes]
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn by_class(contents: &[u8]) -> Option<&'static str> {
    let class = contents.get(80..96)?;
    let found = CLASSES.iter().find(|(start, _)| class.starts_with(*start));
    found.map(|(_, media)| *media)
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
