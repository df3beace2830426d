//! Texts that are put together from secrets when they are needed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

/// Where a secret comes from. Shown as `${env:NAME}` or `${file:PATH}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// The value of this environment variable.
    Env(String),
    /// The content of this file, without the final line end. Absolute.
    File(PathBuf),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "${{env:{name}}}"),
            Self::File(path) => write!(f, "${{file:{}}}", path.display()),
        }
    }
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplatePart {
    /// A word around a secret, such as `Bearer `.
    Text(String),
    /// What a secret takes the place of.
    Reference(Reference),
}

/// A value that is put together when it is needed: references, with at most a word such as `Bearer ` around them. Holds
/// no secret itself, so it may be shown.
///
/// ```
/// use loadlock_policy::credential::{Template, TemplateError};
///
/// let template: Template = "Bearer ${file:/run/secrets/kimi}".parse()?;
/// assert_eq!(template.to_string(), "Bearer ${file:/run/secrets/kimi}");
/// assert_eq!("Bearer sk-pasted-key".parse::<Template>(), Err(TemplateError::Literal));
/// # Ok::<(), TemplateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<TemplatePart>,
    written: String,
}

/// Why a text is no template. The text itself is not repeated: it may hold a key that somebody pasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// No reference, or text beside one that could be a key.
    #[error("holds the secret itself")]
    Literal,
    /// `${` without `}`.
    #[error("has a `${{` without its `}}`")]
    Unclosed,
    /// A reference of another kind, or one whose name no variable and no file can have.
    #[error("has a `${{…}}` that names neither a variable nor a file")]
    Unknown,
    /// A relative path where there is no folder that it could start at.
    #[error("names a file by a relative path")]
    Relative,
}

impl Template {
    /// Reads a template; `absolute` makes a written path absolute.
    ///
    /// # Errors
    /// [`TemplateError`] says what is wrong, without the text.
    pub fn parse(text: &str, absolute: impl Fn(&str) -> PathBuf) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if !before.is_empty() {
                parts.push(TemplatePart::Text(before.to_owned()));
            }
            let (reference, tail) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
            parts.push(TemplatePart::Reference(match reference.split_once(':') {
                Some(("env", name)) if is_variable(name) => Reference::Env(name.to_owned()),
                Some(("file", path)) if !path.is_empty() => Reference::File(absolute(path)),
                _ => return Err(TemplateError::Unknown),
            }));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(TemplatePart::Text(rest.to_owned()));
        }
        let literal = |part: &TemplatePart| matches!(part, TemplatePart::Text(text) if !is_word(text));
        let template = Self {
            parts,
            written: text.to_owned(),
        };
        if template.references().next().is_none() || template.parts.iter().any(literal) {
            return Err(TemplateError::Literal);
        }
        if template.files().any(|file| !file.is_absolute()) {
            return Err(TemplateError::Relative);
        }
        Ok(template)
    }

    /// The pieces, in order; at least one is a reference.
    pub fn parts(&self) -> &[TemplatePart] {
        &self.parts
    }

    /// The sources, in order of appearance.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Reference(reference) => Some(reference),
            TemplatePart::Text(_) => None,
        })
    }

    /// The environment variables that it needs.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.references().filter_map(|reference| match reference {
            Reference::Env(name) => Some(name.as_str()),
            Reference::File(_) => None,
        })
    }

    /// The files that it needs.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.references().filter_map(|reference| match reference {
            Reference::File(path) => Some(path.as_path()),
            Reference::Env(_) => None,
        })
    }

    /// Whether it is one reference and nothing else.
    pub fn is_single(&self) -> bool {
        matches!(self.parts.as_slice(), [TemplatePart::Reference(_)])
    }

    /// The same with `Bearer ` before it, unless that is there already.
    #[must_use]
    pub fn as_bearer(&self) -> Self {
        const BEARER: &str = "Bearer ";
        if self.written.starts_with(BEARER) {
            return self.clone();
        }
        let parts = std::iter::once(TemplatePart::Text(BEARER.to_owned())).chain(self.parts.iter().cloned());
        Self {
            parts: parts.collect(),
            written: format!("{BEARER}{}", self.written),
        }
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    /// Paths must be absolute.
    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Self::parse(text, |path| Path::new(path).to_owned())
    }
}

impl fmt::Display for Template {
    /// As written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Scheme names and punctuation; 16 characters without a digit hold no key of any vendor. None of them is a character
/// that a header may not hold.
fn is_word(text: &str) -> bool {
    text.len() <= 16
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || b" =,;:\"-".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn parse(text: &str) -> Result<Template, TemplateError> {
        Template::parse(text, |path| Path::new("/base").join(path))
    }

    #[test]
    fn a_template_names_its_sources_in_order() {
        let template = parse("Bearer ${env:ONE}:${file:two words}").unwrap();
        let references: Vec<_> = template.references().cloned().collect();
        assert_eq!(
            references,
            [Reference::Env("ONE".into()), Reference::File("/base/two words".into())]
        );
        assert_eq!(template.variables().collect::<Vec<_>>(), ["ONE"]);
        assert_eq!(template.files().collect::<Vec<_>>(), [Path::new("/base/two words")]);
        assert_eq!(template.to_string(), "Bearer ${env:ONE}:${file:two words}");
        assert_eq!(
            template.parts().first(),
            Some(&TemplatePart::Text("Bearer ".to_owned()))
        );
        assert!(!template.is_single() && parse("${file:key}").unwrap().is_single());
    }

    #[test]
    fn a_bearer_says_so_once() {
        let bare = parse("${env:KEY}").unwrap();
        assert_eq!(bare.as_bearer(), parse("Bearer ${env:KEY}").unwrap());
        assert_eq!(bare.as_bearer().as_bearer(), bare.as_bearer());
    }

    #[test]
    fn secrets_and_nonsense_are_refused_without_quoting_them() {
        let secret = "sk-1234567890abcdef";
        for text in [
            secret,
            "Bearer",
            "",
            "Bearer $X",
            "a\n${env:X}",
            "a$$b${env:X}",
            &format!("{secret}${{env:X}}"),
            &format!("${{env:X}} {secret}"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error, TemplateError::Literal, "{text:?}");
            assert!(!error.to_string().contains(secret));
        }
        assert_eq!(parse("Bearer ${env:X"), Err(TemplateError::Unclosed));
        for text in [
            "${KIMI}",
            "${env}",
            "${env:}",
            "${env:A-B}",
            "${env:1A}",
            "${file:}",
            "${vault:x}",
        ] {
            assert_eq!(parse(text), Err(TemplateError::Unknown), "{text}");
        }
        assert_eq!("${file:relative}".parse::<Template>(), Err(TemplateError::Relative));
    }
}
