//! Secrets by reference: `${env:NAME}` and `${file:PATH}`.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Code, Defect};

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A word around a secret, such as `Bearer `.
    Text(String),
    /// The value of this environment variable.
    Env(String),
    /// The content of this file, without the final line end. Absolute.
    File(PathBuf),
}

/// A value that is put together when it is needed. Holds no secret itself, so it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    written: String,
}

impl Template {
    /// The pieces, in order; at least one is a reference.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The environment variables that it needs.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Env(name) => Some(name.as_str()),
            Part::Text(_) | Part::File(_) => None,
        })
    }

    /// The files that it needs.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().filter_map(|part| match part {
            Part::File(path) => Some(path.as_path()),
            Part::Text(_) | Part::Env(_) => None,
        })
    }

    /// `absolute` makes a written path absolute.
    pub(crate) fn parse(text: &str, absolute: impl Fn(&str) -> PathBuf) -> Result<Self, Defect> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (reference, tail) = after
                .split_once('}')
                .ok_or_else(|| syntax("has a `${` without its `}`"))?;
            parts.push(match reference.split_once(':') {
                Some(("env", name)) if is_variable(name) => Part::Env(name.to_owned()),
                Some(("file", path)) if !path.is_empty() => Part::File(absolute(path)),
                _ => {
                    return Err(syntax("has a `${…}` that names neither a variable nor a file"));
                }
            });
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        let literal = |part: &Part| matches!(part, Part::Text(text) if !is_word(text));
        let refers = parts.iter().any(|part| !matches!(part, Part::Text(_)));
        if !refers || parts.iter().any(literal) {
            return Err(Defect::new(
                Code::LiteralSecret,
                "holds the secret itself",
                "Put the secret into a variable or a file and write `${env:NAME}` or `${file:PATH}`; only a word such \
                 as `Bearer ` may stand around it.",
            ));
        }
        Ok(Self {
            parts,
            written: text.to_owned(),
        })
    }

    /// For values that are a secret and nothing else.
    pub(crate) fn is_single(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Env(_) | Part::File(_)])
    }
}

fn syntax(what: &str) -> Defect {
    Defect::new(Code::BadValue, what, "Write `${env:NAME}` or `${file:PATH}`.")
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Scheme names and punctuation; 16 characters without a digit hold no key of any vendor.
fn is_word(text: &str) -> bool {
    text.len() <= 16
        && text
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || b" =,;:\"-".contains(&b))
}

impl fmt::Display for Template {
    /// As written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Template, Defect> {
        Template::parse(text, |path| Path::new("/base").join(path))
    }

    #[test]
    fn references_are_found() {
        let template = parse("Bearer ${env:KIMI_KEY}").unwrap();
        assert_eq!(
            template.parts(),
            [Part::Text("Bearer ".into()), Part::Env("KIMI_KEY".into())]
        );
        assert!(!template.is_single());
        let template = parse("${file:keys/kimi}").unwrap();
        assert_eq!(template.files().collect::<Vec<_>>(), [Path::new("/base/keys/kimi")]);
        assert!(template.is_single());
    }

    #[test]
    fn secrets_and_nonsense_are_refused_without_quoting_them() {
        let secret = "sk-1234567890abcdef";
        for text in [
            secret,
            "Bearer",
            "",
            &format!("{secret}${{env:X}}"),
            &format!("${{env:X}} {secret}"),
        ] {
            let defect = parse(text).unwrap_err();
            assert_eq!(defect.code, Code::LiteralSecret, "{text}");
            assert!(!format!("{defect:?}").contains(secret));
        }
        for text in [
            "${env:KIMI",
            "${KIMI}",
            "${env:}",
            "${env:A-B}",
            "${env:1A}",
            "${file:}",
            "${vault:x}",
        ] {
            assert_eq!(parse(text).unwrap_err().code, Code::BadValue, "{text}");
        }
    }
}
