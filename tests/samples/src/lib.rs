//! Files of the world in small: real structures, and what looks like them, each with the type or the refusal that a
//! person expects. Made by code; nothing here is anybody's file.
//!
//! | module | what |
//! |---|---|
//! | `office` | documents: compound files, ZIP packages, pages |
//! | `media` | pictures, sound, video, fonts |
//! | `model` | drawings and models |
//! | `text` | text in many encodings, scripts, logs, mail, and texts that begin like a binary format |
//! | `data` | archives, tables, databases |
//! | `program` | what runs, under its own and under other names |
//! | `secret` | credentials, certificates, and what only mentions them |
//! | `compound`, `zip` | make the containers |

mod compound;
mod data;
mod media;
mod model;
mod office;
mod program;
mod secret;
mod text;
mod zip;

pub use compound::compound;
pub use zip::zip;

/// What a person expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Taken, as this media type.
    Type(&'static str),
    /// Refused with this code.
    Refused(&'static str),
}

/// A file.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its name.
    pub name: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// All of them.
pub fn all() -> Vec<Sample> {
    [
        office::samples(),
        media::samples(),
        model::samples(),
        text::samples(),
        data::samples(),
        program::samples(),
        secret::samples(),
    ]
    .concat()
}

fn taken(name: &'static str, bytes: impl AsRef<[u8]>, media: &'static str) -> Sample {
    Sample {
        name,
        bytes: bytes.as_ref().to_vec(),
        verdict: Verdict::Type(media),
    }
}

fn refused(name: &'static str, bytes: impl AsRef<[u8]>, code: &'static str) -> Sample {
    Sample {
        name,
        bytes: bytes.as_ref().to_vec(),
        verdict: Verdict::Refused(code),
    }
}

/// The bytes, then others that look like compressed data.
fn noise(start: impl AsRef<[u8]>, length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    let mut bytes = start.as_ref().to_vec();
    bytes.extend(std::iter::repeat_with(&mut next).take(length));
    bytes
}

/// The bytes, then zeros up to a length.
fn padded(start: impl AsRef<[u8]>, length: usize) -> Vec<u8> {
    let mut bytes = start.as_ref().to_vec();
    bytes.resize(length.max(bytes.len()), 0);
    bytes
}
