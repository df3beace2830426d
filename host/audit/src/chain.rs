//! The bytes of a record and its hash.
//!
//! A record is one line of JSON whose last field is `hash`: SHA-256 over the line's own bytes up to `,"hash":`. Those
//! bytes hold `prev`, the hash of the record before. So the serialization that is hashed is the one on the disk, and
//! every byte of a line is covered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::record::{Entry, Event, Outcome, What, Who};

/// `prev` of the first record.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What stands between the hashed bytes and the hash.
const FIELD: &[u8] = b",\"hash\":\"";
/// What stands after it.
const END: &[u8] = b"\"}";
/// Hexadecimal digits of a hash.
const DIGITS: usize = 64;

/// A record of the log, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Record {
    /// Its number; the first is 1, and there is no gap.
    pub seq: u64,
    /// When it happened: RFC 3339, UTC, milliseconds. Later records may hold slightly earlier times: the number is the
    /// order.
    pub time: String,
    /// What happened.
    pub event: Event,
    /// How it ended.
    pub outcome: Outcome,
    /// Stable code of the error or denial.
    #[serde(default)]
    pub code: Option<String>,
    /// Who asked.
    #[serde(default)]
    pub who: Who,
    /// What it was about.
    #[serde(default)]
    pub what: What,
    /// The request that it belongs to.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Hash of the record before.
    pub prev: String,
    /// Its own hash.
    pub hash: String,
}

/// Everything but the hash, in the order of the line.
#[derive(Serialize)]
struct RecordBody<'a> {
    seq: u64,
    time: &'a str,
    event: Event,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "is_default")]
    who: &'a Who,
    #[serde(skip_serializing_if = "is_default")]
    what: &'a What,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    prev: &'a str,
}

fn is_default<T: Default + PartialEq>(value: &&T) -> bool {
    **value == T::default()
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The line of an entry, newline included, and its hash.
pub(crate) fn line(entry: &Entry, seq: u64, prev: &str) -> serde_json::Result<(Vec<u8>, String)> {
    let millis = i64::try_from(entry.time_ms).unwrap_or(i64::MAX);
    let time = Timestamp::from_millisecond(millis)
        .map(|time| format!("{time:.3}"))
        .unwrap_or_default();
    let mut bytes = serde_json::to_vec(&RecordBody {
        seq,
        time: &time,
        event: entry.event,
        outcome: entry.outcome,
        code: entry.code.as_deref(),
        who: &entry.who,
        what: &entry.what,
        request_id: entry.request_id.as_deref(),
        prev,
    })?;
    bytes.pop();
    let hash = digest(&bytes);
    bytes.extend_from_slice(FIELD);
    bytes.extend_from_slice(hash.as_bytes());
    bytes.extend_from_slice(END);
    bytes.push(b'\n');
    Ok((bytes, hash))
}

/// Reads a line without its newline, and checks its own hash.
pub(crate) fn read(line: &[u8]) -> Result<Record, &'static str> {
    let at = line
        .len()
        .checked_sub(FIELD.len() + DIGITS + END.len())
        .ok_or("it is too short to be a record")?;
    let (body, rest) = line.split_at(at);
    let (field, rest) = rest.split_at(FIELD.len());
    let (hash, end) = rest.split_at(DIGITS);
    if field != FIELD || end != END {
        return Err("it does not end with a hash");
    }
    if digest(body).as_bytes() != hash {
        return Err("its hash is not that of its bytes");
    }
    serde_json::from_slice(line).map_err(|_| "it is not a record")
}

/// Whether `record` continues a chain whose last number and hash are these.
pub(crate) fn follows(record: &Record, seq: u64, hash: &str) -> Result<(), &'static str> {
    if record.seq != seq + 1 {
        return Err("its number does not follow the one before: a record is missing, moved or repeated");
    }
    if record.prev != hash {
        return Err("it does not hold the hash of the record before");
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_went_in_and_every_byte_counts() {
        let mut entry = Entry::new(1_700_000_000_123, Event::Upload, Outcome::Ok);
        entry.who.tenant = Some("acme".into());
        entry.what.name = Some("über \"x\".txt".into());
        let (line, hash) = line(&entry, 1, GENESIS).unwrap();
        let line = line.strip_suffix(b"\n").unwrap();
        let record = read(line).unwrap();
        assert_eq!((record.seq, record.hash.as_str()), (1, hash.as_str()));
        assert_eq!(record.time, "2023-11-14T22:13:20.123Z");
        assert_eq!((record.who, record.what), (entry.who, entry.what));
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut flipped = line.to_vec();
                flipped[at] ^= 1 << bit;
                assert!(read(&flipped).is_err(), "byte {at}, bit {bit}");
            }
        }
    }
}
