//! Whether the first bytes of a file are text, and in which encoding they are read.

use std::borrow::Cow;

/// The head as text: UTF-8, or UTF-16 or UTF-32 that shows itself.
///
/// The head may end inside a character. Text holds no NUL, so no program is text; other control characters stand in
/// text as separators (FIX, ANSI colours, a DOS end-of-file), but are not a good part of it.
pub(crate) fn as_text(head: &[u8]) -> Option<Cow<'_, str>> {
    if let Some(text) = from_wide(head) {
        return is_clean(text.as_bytes(), 4).then_some(Cow::Owned(text));
    }
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&head[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    if !is_clean(valid.as_bytes(), 4) {
        return None;
    }
    Some(Cow::Borrowed(valid.strip_prefix('\u{FEFF}').unwrap_or(valid)))
}

/// Whether bytes that are not UTF-8 may be text in an older encoding (Latin-1, GBK, Shift JIS …).
///
/// Compressed data has a control character in ten bytes, and nearly every binary format a NUL in its first ones.
pub(crate) fn is_plain(head: &[u8]) -> bool {
    let text = head.strip_suffix(b"\x1A").unwrap_or(head);
    text.chunks(256)
        .all(|block| !block.iter().fold(false, |found, byte| found | is_binary(*byte)))
}

/// The head as bytes in which ASCII stands for itself: UTF-16 and UTF-32 in UTF-8, and anything else as it is.
pub(crate) fn as_ascii_superset(head: &[u8]) -> Cow<'_, [u8]> {
    match from_wide(head) {
        Some(text) if !text.contains('\0') => Cow::Owned(text.into_bytes()),
        _ => Cow::Borrowed(head),
    }
}

/// The head in UTF-8, if it is in units of two or four bytes. What is no character becomes a replacement character.
fn from_wide(head: &[u8]) -> Option<String> {
    match head {
        [0xFF, 0xFE, 0, 0, rest @ ..] => Some(from_utf32(rest, u32::from_le_bytes)),
        [0, 0, 0xFE, 0xFF, rest @ ..] => Some(from_utf32(rest, u32::from_be_bytes)),
        [0xFF, 0xFE, rest @ ..] => Some(from_utf16(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Some(from_utf16(rest, u16::from_be_bytes)),
        _ => from_unmarked(head),
    }
}

fn from_utf16(bytes: &[u8], decode: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|unit| decode([unit[0], unit[1]]));
    let characters = char::decode_utf16(units);
    characters.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn from_utf32(bytes: &[u8], decode: fn([u8; 4]) -> u32) -> String {
    let units = bytes
        .chunks_exact(4)
        .map(|unit| decode([unit[0], unit[1], unit[2], unit[3]]));
    units
        .map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// UTF-16 without a mark, as Windows programs write it: of at least four units, three in four are ASCII.
fn from_unmarked(head: &[u8]) -> Option<String> {
    // What has no NUL among its first bytes is settled without a look at the rest.
    if head.len() < 8 || !head[..8].contains(&0) {
        return None;
    }
    let units = head.len() / 2;
    let zeros = |odd: usize| head.chunks_exact(2).filter(|unit| unit[odd] == 0).count();
    let (high_first, high_last) = (zeros(0), zeros(1));
    let decode: fn([u8; 2]) -> u16 = match (high_first, high_last) {
        (0, last) if last * 4 >= units * 3 => u16::from_le_bytes,
        (first, 0) if first * 4 >= units * 3 => u16::from_be_bytes,
        _ => return None,
    };
    let text = from_utf16(head, decode);
    is_clean(text.as_bytes(), 64).then_some(text)
}

/// Whether there is no NUL, and of `one_in` bytes at most one is a control character that text seldom has. Counts a
/// block whole, which becomes vector instructions.
fn is_clean(bytes: &[u8], one_in: usize) -> bool {
    let mut controls = 0;
    for block in bytes.chunks(128) {
        let (mut nul, mut count) = (false, 0_u8);
        for byte in block {
            nul |= *byte == 0;
            count += u8::from(is_control(*byte));
        }
        if nul {
            return false;
        }
        controls += usize::from(count);
    }
    controls * one_in <= bytes.len()
}

/// Control characters that no text holds: not the bell, the backspace and what changes between character sets.
fn is_binary(byte: u8) -> bool {
    is_control(byte) && !matches!(byte, 0x07 | 0x08 | 0x0B | 0x0E | 0x0F)
}

/// The "binary data bytes" of WHATWG MIME Sniffing §3.
fn is_control(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F)
}
