//! Source files without what is not code: comments, strings, tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One file.
pub(crate) struct Source {
    /// Beneath the repository.
    pub(crate) path: PathBuf,
    /// As it is.
    pub(crate) text: String,
    /// The same lines with comments, strings and test modules blanked.
    pub(crate) code: String,
}

/// The crates below `host`: their folders, which hold `src`.
pub(crate) fn crates(root: &Path) -> Vec<PathBuf> {
    let mut crates = vec![root.join("host")];
    for entry in std::fs::read_dir(root.join("host")).unwrap().flatten() {
        if entry.path().join("Cargo.toml").exists() {
            crates.push(entry.path());
        }
    }
    crates.sort();
    crates
}

/// Every file of a crate that is not a test.
pub(crate) fn sources(root: &Path, folder: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&folder.join("src"), &mut files);
    files.sort();
    let mut sources = Vec::new();
    let mut tests = BTreeSet::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = blank(&text);
        tests.extend(test_files(&path, &text, &code));
        let code = without_tests(&code);
        sources.push((path, text, code));
    }
    sources
        .into_iter()
        .filter(|(path, ..)| {
            !tests
                .iter()
                .any(|test| path == test || path.starts_with(test.with_extension("")))
        })
        .map(|(path, text, code)| Source {
            path: path.strip_prefix(root).unwrap().to_owned(),
            text,
            code,
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Blanks comments, strings and character literals; line ends stay.
pub(crate) fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !after_word(bytes, at) && raw_hashes(bytes, at).is_some() => raw_end(bytes, at),
            b'\'' => character_end(bytes, at),
            _ => at,
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(code).unwrap()
}

fn after_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_') && bytes[at - 1] != b'b'
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |length| at + length)
}

fn comment_end(bytes: &[u8], at: usize) -> usize {
    let (mut depth, mut now) = (0, at);
    while now < bytes.len() {
        if bytes[now..].starts_with(b"/*") {
            depth += 1;
            now += 2;
        } else if bytes[now..].starts_with(b"*/") {
            depth -= 1;
            now += 2;
            if depth == 0 {
                return now;
            }
        } else {
            now += 1;
        }
    }
    now
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut now = at + 1;
    while now < bytes.len() && bytes[now] != b'"' {
        now += if bytes[now] == b'\\' { 2 } else { 1 };
    }
    (now + 1).min(bytes.len())
}

/// Hashes of a raw string that begins here.
fn raw_hashes(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    (bytes.get(at + 1 + hashes) == Some(&b'"')).then_some(hashes)
}

fn raw_end(bytes: &[u8], at: usize) -> usize {
    let hashes = raw_hashes(bytes, at).unwrap_or_default();
    let close = [&b"\""[..], &b"#".repeat(hashes)].concat();
    let begin = at + 2 + hashes;
    let length = bytes[begin..].windows(close.len()).position(|window| window == close);
    length.map_or(bytes.len(), |length| begin + length + close.len())
}

/// The end of a character; a lifetime has none.
fn character_end(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) == Some(&b'\\') {
        let length = bytes[at + 3..].iter().position(|byte| *byte == b'\'');
        return length.map_or(bytes.len(), |length| at + 4 + length);
    }
    let text = String::from_utf8_lossy(&bytes[at + 1..(at + 6).min(bytes.len())]).into_owned();
    let first = text.chars().next().map_or(1, char::len_utf8);
    if bytes.get(at + 1 + first) == Some(&b'\'') {
        return at + 2 + first;
    }
    at
}

/// The index after the brace that closes the one at `open`.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

const TEST: &str = "#[cfg(test)]";

/// What follows `#[cfg(test)]`, other attributes left out.
fn after_attributes(code: &str, mut at: usize) -> usize {
    loop {
        at += code[at..].len() - code[at..].trim_start().len();
        if !code[at..].starts_with("#[") {
            return at;
        }
        at += code[at..].find(']').map_or(1, |length| length + 1);
    }
}

/// Blanks what is compiled for tests alone.
fn without_tests(code: &str) -> String {
    let mut code = code.to_owned();
    let mut from = 0;
    while let Some(found) = code[from..].find(TEST) {
        let (begin, item) = (from + found, after_attributes(&code, from + found + TEST.len()));
        let brace = code[item..].find('{').map(|length| item + length);
        let semicolon = code[item..].find(';').map(|length| item + length);
        let end = match (brace, semicolon) {
            (Some(brace), Some(semicolon)) if semicolon < brace => semicolon + 1,
            (Some(brace), _) => closing(&code, brace),
            (None, Some(semicolon)) => semicolon + 1,
            (None, None) => code.len(),
        };
        let blanked: String = code[begin..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        code.replace_range(begin..end, &blanked);
        from = begin + blanked.len();
    }
    code
}

/// Files of modules that are compiled for tests alone.
fn test_files(path: &Path, text: &str, code: &str) -> Vec<PathBuf> {
    let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
    let folder = match &*stem {
        "mod" | "lib" | "main" => path.parent().unwrap().to_owned(),
        _ => path.with_extension(""),
    };
    let mut files = Vec::new();
    for (begin, _) in code.match_indices(TEST) {
        let item = after_attributes(code, begin + TEST.len());
        let Some(name) = code[item..].trim_start_matches("pub(crate) ").strip_prefix("mod ") else {
            continue;
        };
        let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let attributes = &text[begin..item];
        match attributes
            .split("path = \"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
        {
            Some(named) => files.push(path.parent().unwrap().join(named)),
            None => files.extend([folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")]),
        }
    }
    files
}
