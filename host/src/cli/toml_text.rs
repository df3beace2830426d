//! A configuration as text: sections, and above each line where it comes from.

use std::collections::BTreeMap;
use std::fmt::Write;

/// One line of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct SettingLine {
    /// `limits.concurrency`.
    pub(crate) path: String,
    /// As TOML.
    pub(crate) value: String,
    /// What it comes from; a comment above it.
    pub(crate) from: Vec<String>,
}

/// A TOML basic string. JSON's escapes are a subset of TOML's.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// `["a", "b"]`.
pub(crate) fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

pub(crate) fn file(lines: &[SettingLine]) -> String {
    let mut text = String::new();
    let mut sections: BTreeMap<String, Vec<(&str, &SettingLine)>> = BTreeMap::new();
    for line in lines {
        let (section, key) = split(&line.path);
        sections.entry(section).or_default().push((key, line));
    }
    for (section, lines) in sections {
        if !section.is_empty() {
            let _ = writeln!(text, "\n[{section}]");
        }
        for (key, line) in lines {
            if !line.from.is_empty() {
                let _ = writeln!(text, "# {}", line.from.join(", "));
            }
            let _ = writeln!(text, "{key} = {}", line.value);
        }
    }
    text
}

/// `providers.kimi` and `limits.concurrency`, `retry` and `base`, nothing and `order`.
fn split(path: &str) -> (String, &str) {
    let depth = if path.starts_with("providers.") { 2 } else { 1 };
    match path.match_indices('.').nth(depth - 1) {
        Some((at, _)) => (path[..at].to_owned(), &path[at + 1..]),
        None => (String::new(), path),
    }
}
