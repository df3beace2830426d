//! Turns the bytes of a name into one clean segment, or says why it is none.

use crate::bindings::exports::loadlock::upload::validator::Refusal;
use crate::refuse::Code;
use unicode_normalization::UnicodeNormalization;

/// Longest name, in bytes: what every filesystem takes.
pub(crate) const MAX_NAME_BYTES: usize = 255;

/// Longest name that is looked at, in bytes. NFC shortens a name to a third at best.
const MAX_RAW_BYTES: usize = 4 * MAX_NAME_BYTES;

/// Device names of Windows, which it finds in every folder and before any extension.
const RESERVED: [&str; 7] = ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];

/// The name in NFC, checked. The result is one segment that means the same on every platform.
pub(crate) fn clean(raw: &[u8]) -> Result<String, Refusal> {
    if raw.is_empty() {
        return Err(Code::NameEmpty.because("The file has no name."));
    }
    if raw.len() > MAX_RAW_BYTES {
        return Err(too_long(raw.len()));
    }
    let text = std::str::from_utf8(raw).map_err(|_| Code::NameNotUtf8.because("The name is not UTF-8."))?;
    let name: String = if text.is_ascii() {
        text.to_owned()
    } else {
        text.nfc().collect()
    };
    if name.len() > MAX_NAME_BYTES {
        return Err(too_long(name.len()));
    }
    check_characters(&name)?;
    if name == "." || name == ".." {
        return Err(Code::NameDotSegment.because("The name is that of a folder."));
    }
    if name.trim() != name || name.ends_with('.') {
        return Err(Code::NameEdge
            .because("The name starts or ends with a space or ends with a dot, which some systems cut off."));
    }
    if is_reserved(&name) {
        return Err(Code::NameReserved.because("The name is a device on Windows."));
    }
    Ok(name)
}

/// What follows the last dot, in lower case; empty if there is none or the name only starts with it (`.profile`).
pub(crate) fn extension(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension.to_lowercase(),
        _ => String::new(),
    }
}

fn too_long(bytes: usize) -> Refusal {
    Code::NameTooLong.because(format!("The name has {bytes} bytes, the limit is {MAX_NAME_BYTES}."))
}

fn check_characters(name: &str) -> Result<(), Refusal> {
    let mut before = None;
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        let point = u32::from(c);
        if c == '/' || c == '\\' {
            return Err(Code::NameSeparator.because("The name holds a path separator."));
        }
        if is_control(c) {
            return Err(
                Code::NameControlCharacter.because(format!("The name holds the control character U+{point:04X}."))
            );
        }
        if is_bidi(c) {
            return Err(Code::NameBidiCharacter.because(format!(
                "The name holds U+{point:04X}, which changes the direction of text and can disguise an extension."
            )));
        }
        if is_invisible(c) || (is_joiner(c) && !joins(before, rest.peek().copied())) {
            return Err(
                Code::NameInvisibleCharacter.because(format!("The name holds the invisible character U+{point:04X}."))
            );
        }
        before = Some(c);
    }
    Ok(())
}

/// Controls, line and paragraph separators, noncharacters.
fn is_control(c: char) -> bool {
    let point = u32::from(c);
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FDD0}'..='\u{FDEF}' | '\u{FFF9}'..='\u{FFFB}')
        || point & 0xFFFE == 0xFFFE
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters without a picture of their own: soft hyphen, fillers, zero-width space, byte order mark, tags.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206A}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Zero-width joiner and non-joiner: needed to write Persian, Hindi and family emoji.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Whether a joiner stands where it can have a meaning. Beside ASCII, another joiner or nothing it has none, and only
/// hides.
fn joins(before: Option<char>, after: Option<char>) -> bool {
    [before, after]
        .into_iter()
        .all(|neighbour| neighbour.is_some_and(|c| !c.is_ascii() && !is_joiner(c)))
}

fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_lowercase();
    if RESERVED.contains(&stem.as_str()) {
        return true;
    }
    let mut characters = stem.chars();
    let device: String = characters.by_ref().take(3).collect();
    let port = characters.next();
    // Windows also reads the superscript digits of Latin-1 as port numbers.
    (device == "com" || device == "lpt")
        && characters.next().is_none()
        && port.is_some_and(|c| matches!(c, '0'..='9' | '¹' | '²' | '³'))
}
