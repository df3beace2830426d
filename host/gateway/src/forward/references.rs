//! Ids of files in a JSON body: where they are, and the body with others in their place.
//!
//! The body is not parsed and written again: numbers, the order of members and what occurs twice stay as the client
//! wrote them, and each occurrence of an id is found.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::IgnoredAny;

use crate::error::{Error, ErrorCode, Result};

/// Members whose value is the id of a file, or a list of such ids.
const KEYS: [&str; 7] = [
    "file_id",
    "file_ids",
    "input_file_id",
    "training_file",
    "validation_file",
    "fileUri",
    "file_uri",
];
/// Those whose value is the file's address at the vendor.
const URI_KEYS: [&str; 2] = ["fileUri", "file_uri"];
/// Members whose value is an address: a file's, where it begins as Kimi names files.
const URLS: [&str; 3] = ["url", "image_url", "video_url"];
const MOONSHOT: &str = "ms://";
/// What an answer said of its sources, which clients send back: the vendor's own ids, and nothing is read by them.
const CITATIONS: &str = "annotations";
/// Ids in one body. Each is a question to the ledger.
const MOST: usize = 500;

/// An id of a file in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileReference {
    /// As the client wrote it, without what stands before it.
    pub(crate) id: String,
    /// Whether the address at the vendor is wanted, and not the id.
    pub(crate) is_uri: bool,
    /// What stands before what takes its place.
    before: &'static str,
    /// What is replaced, between its quotes.
    at: Range<usize>,
}

/// The ids of files in a body.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`] if it is not JSON, or has too many.
pub(crate) fn references(body: &[u8]) -> Result<Vec<FileReference>> {
    let invalid = |message: String| Error::new(ErrorCode::RequestInvalid, message);
    std::str::from_utf8(body).map_err(|error| invalid(format!("the body is not JSON: {error}")))?;
    serde_json::from_slice::<IgnoredAny>(body).map_err(|error| invalid(format!("the body is not JSON: {error}")))?;
    let mut found = Vec::new();
    let mut walk = JsonWalk::new(body);
    while let Some(reference) = walk.next_reference() {
        if found.len() == MOST {
            return Err(invalid(format!("the body names more than {MOST} files"))
                .hint("send several requests, or put the files into a store of the vendor's"));
        }
        found.push(reference);
    }
    Ok(found)
}

/// The body with `remote` of each reference in its place.
pub(crate) fn replaced(
    body: &[u8],
    references: &[FileReference],
    remote: impl Fn(&FileReference) -> String,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 64 * references.len());
    let mut from = 0;
    for reference in references {
        out.extend_from_slice(body.get(from..reference.at.start).unwrap_or_default());
        let quoted = serde_json::Value::String(format!("{}{}", reference.before, remote(reference))).to_string();
        // Without its quotes: those of the body stay.
        out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
        from = reference.at.end;
    }
    out.extend_from_slice(body.get(from..).unwrap_or_default());
    out
}

/// A walk over JSON that is known to be valid.
struct JsonWalk<'b> {
    body: &'b [u8],
    at: usize,
    open: Vec<JsonLevel>,
}

/// An object or a list that is open.
struct JsonLevel {
    is_object: bool,
    /// The last key, or of a list the key that it is the value of.
    key: Option<&'static str>,
    /// Whether the next string is a key.
    expects_key: bool,
    is_cited: bool,
}

impl<'b> JsonWalk<'b> {
    fn new(body: &'b [u8]) -> Self {
        Self {
            body,
            at: 0,
            open: Vec::new(),
        }
    }

    fn next_reference(&mut self) -> Option<FileReference> {
        while let Some(&byte) = self.body.get(self.at) {
            match byte {
                b'{' | b'[' => self.enter(byte == b'{'),
                b'}' | b']' => {
                    self.open.pop();
                    self.at += 1;
                }
                b',' => {
                    if let Some(level) = self.open.last_mut() {
                        level.expects_key = level.is_object;
                    }
                    self.at += 1;
                }
                b'"' => {
                    let text = self.string();
                    if let Some(reference) = self.judge(text) {
                        return Some(reference);
                    }
                }
                _ => self.at += 1,
            }
        }
        None
    }

    fn enter(&mut self, is_object: bool) {
        let outer = self.open.last();
        let key = outer.and_then(|level| level.key);
        let is_cited = outer.is_some_and(|level| level.is_cited) || key == Some(CITATIONS);
        self.open.push(JsonLevel {
            is_object,
            key: key.filter(|key| !is_object && *key != CITATIONS),
            expects_key: is_object,
            is_cited,
        });
        self.at += 1;
    }

    /// The string that begins here, without its quotes.
    fn string(&mut self) -> Range<usize> {
        let start = self.at + 1;
        let mut end = start;
        while let Some(&byte) = self.body.get(end) {
            match byte {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        self.at = end + 1;
        start..end
    }

    fn judge(&mut self, at: Range<usize>) -> Option<FileReference> {
        let level = self.open.last_mut()?;
        if level.expects_key {
            let key = text(self.body, &at);
            let known = KEYS.iter().chain(&URLS).chain([&CITATIONS]);
            level.key = known.copied().find(|known| *known == key);
            level.expects_key = false;
            return None;
        }
        if level.is_cited {
            return None;
        }
        let key = level.key.filter(|key| *key != CITATIONS)?;
        let value = text(self.body, &at);
        if URLS.contains(&key) {
            let id = value.strip_prefix(MOONSHOT)?.to_owned();
            // Escapes before the id would move it, so all of it is replaced.
            let is_plain = self.body.get(at.clone())?.starts_with(MOONSHOT.as_bytes());
            let start = at.start + if is_plain { MOONSHOT.len() } else { 0 };
            return Some(FileReference {
                id,
                before: if is_plain { "" } else { MOONSHOT },
                is_uri: false,
                at: start..at.end,
            });
        }
        let is_uri = URI_KEYS.contains(&key);
        // Of the web, and no file of the account.
        if is_uri && value.contains("://") && !value.contains("/files/") {
            return None;
        }
        Some(FileReference {
            id: value.into_owned(),
            before: "",
            is_uri,
            at,
        })
    }
}

/// What a string says, its escapes resolved.
fn text<'b>(body: &'b [u8], at: &Range<usize>) -> Cow<'b, str> {
    let raw = body.get(at.clone()).unwrap_or_default();
    if !raw.contains(&b'\\') {
        return String::from_utf8_lossy(raw);
    }
    let quoted = body.get(at.start.saturating_sub(1)..=at.end).unwrap_or_default();
    match serde_json::from_slice::<String>(quoted) {
        Ok(text) => Cow::Owned(text),
        // A lone surrogate: no id is written so.
        Err(_) => String::from_utf8_lossy(raw),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ids(body: &str) -> Vec<String> {
        let found = references(body.as_bytes()).unwrap();
        found.into_iter().map(|reference| reference.id).collect()
    }

    fn with(body: &str, remote: &str) -> String {
        let found = references(body.as_bytes()).unwrap();
        String::from_utf8(replaced(body.as_bytes(), &found, |_| remote.to_owned())).unwrap()
    }

    #[test]
    fn every_place_of_an_id_is_found_and_nothing_else() {
        assert_eq!(
            ids(r#"{"input":[{"content":[{"type":"input_file","file_id":"a"},{"text":"file_id"}]}]}"#),
            ["a"]
        );
        assert_eq!(ids(r#"{"input_file_id":"a","x":["file_id","b"]}"#), ["a"]);
        assert_eq!(
            ids(r#"{"tools":[{"container":{"file_ids":["a","b"]}}],"y":"c"}"#),
            ["a", "b"]
        );
        assert_eq!(ids(r#"{"file_ids":[],"z":"c","file_id":null}"#), Vec::<String>::new());
        assert_eq!(ids(r#"{"a":{"file_id":"x","file_id":"y"},"b":1}"#), ["x", "y"]);
        assert_eq!(ids(r#"{"file":{"file_id":"x"},"text":"a \" \\"}"#), ["x"]);
        assert_eq!(ids(r#"{"image_url":{"url":"ms://x"},"text":"ms://y"}"#), ["x"]);
        let pages = r#"[{"fileUri":"https://youtu.be/z"},{"fileUri":"https://vendor.example/v1/files/z"}]"#;
        assert_eq!(ids(pages), ["https://vendor.example/v1/files/z"]);
        assert_eq!(ids(r#"["file_id"]"#), Vec::<String>::new());
        assert_eq!(ids("\"file_id\""), Vec::<String>::new());
    }

    #[test]
    fn a_key_is_what_it_says_however_it_is_written() {
        assert_eq!(ids(r#"{"file\u005fid":"x"}"#), ["x"]);
        assert_eq!(ids(r#"{"file_id":"\u0078y"}"#), ["xy"]);
        assert_eq!(with(r#"{"url":"ms:\/\/x"}"#, "r"), r#"{"url":"ms://r"}"#);
        assert_eq!(with(r#"{"url":"ms://x"}"#, "r"), r#"{"url":"ms://r"}"#);
        assert_eq!(
            with(r#"{"file\u005fid" : "\u0078y", "n": 1.0}"#, "r"),
            r#"{"file\u005fid" : "r", "n": 1.0}"#
        );
    }

    #[test]
    fn what_an_answer_cited_is_left_alone() {
        let body = r#"{"input":[{"annotations":[{"file_id":"vendors"}],"file_id":"x"}],"file_id":"y"}"#;
        assert_eq!(ids(body), ["x", "y"]);
    }

    #[test]
    fn the_rest_of_a_body_stays_byte_for_byte() {
        let body = "{ \"b\":1e400,\"a\":[ 0.10, 18446744073709551616 ],\"file_id\" :\n\"x\",\"b\":2}";
        assert_eq!(with(body, "q\"\\"), body.replace("\"x\"", r#""q\"\\""#));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for body in [&b"{"[..], b"", b"{\"file_id\":\"\xff\"}", b"{}{}"] {
            let error = references(body).unwrap_err();
            assert_eq!(error.code, ErrorCode::RequestInvalid);
        }
        let many = format!("{{\"file_ids\":[{}]}}", vec!["\"x\""; MOST + 1].join(","));
        assert!(references(many.as_bytes()).unwrap_err().message.contains("500"));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(references(deep.as_bytes()).unwrap().is_empty());
    }
}
