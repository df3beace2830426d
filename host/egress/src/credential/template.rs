//! Header templates: text with `${env:NAME}` and `${file:PATH}` in it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::Secret;

/// Where a secret comes from. Shown as `${env:NAME}` or `${file:PATH}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// An environment variable, read once at start.
    Env(String),
    /// A file, read at start and again when it changes.
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

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Reference(Reference),
}

/// A parsed header template. `$$` stands for one `$`.
///
/// ```
/// use loadlock_egress::credential::Template;
///
/// let template: Template = "Bearer ${file:/run/secrets/kimi}".parse()?;
/// assert_eq!(template.to_string(), "Bearer ${file:/run/secrets/kimi}");
/// assert!("Bearer sk-pasted-key".parse::<Template>().is_err());
/// # Ok::<(), loadlock_egress::credential::TemplateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// Why a text is no template. The text itself is not repeated: it may hold a key that somebody pasted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Neither `${env:…}` nor `${file:…}` occurs.
    #[error(
        "the credential template names no source; write `${{env:NAME}}` or `${{file:PATH}}` in it, the secret itself \
         does not belong into the configuration"
    )]
    NoReference,
    /// `${` without `}`.
    #[error("the credential template has a `${{` without a `}}` (character {at})")]
    Unclosed {
        /// Index of the `$`, in bytes.
        at: usize,
    },
    /// `$` that begins neither `$$` nor `${`, or a reference of another kind.
    #[error(
        "the credential template has a `$` that begins none of `${{env:NAME}}`, `${{file:PATH}}` and `$$` (character \
         {at})"
    )]
    Unknown {
        /// Index of the `$`, in bytes.
        at: usize,
    },
    /// An empty or impossible name of a variable, or a path that is not absolute.
    #[error(
        "the credential template names no usable source (character {at}): a variable is letters, digits and `_`, a \
         path is absolute"
    )]
    BadName {
        /// Index of the `$`, in bytes.
        at: usize,
    },
    /// Text that no header value may hold.
    #[error("the credential template holds a character that no header may hold")]
    BadText,
}

impl Template {
    /// The sources, in order of appearance.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.0.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Text(_) => None,
        })
    }

    /// Replaces every reference.
    pub(super) fn fill<E>(&self, mut value: impl FnMut(&Reference) -> Result<Secret, E>) -> Result<Secret, E> {
        // Pieces first, one allocation after: a growing buffer would leave copies of the secret behind.
        let mut pieces = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            pieces.push(match part {
                Part::Text(text) => Secret::new(text.clone()),
                Part::Reference(reference) => value(reference)?,
            });
        }
        let length = pieces.iter().map(|piece| piece.expose().len()).sum();
        let mut text = Zeroizing::new(String::with_capacity(length));
        for piece in &pieces {
            text.push_str(piece.expose());
        }
        Ok(Secret::new(std::mem::take(&mut *text)))
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            let at = text.len() - rest.len() + dollar;
            let (before, after) = rest.split_at(dollar);
            literal.push_str(before);
            if let Some(after) = after.strip_prefix("$$") {
                literal.push('$');
                rest = after;
                continue;
            }
            let inner = after.strip_prefix("${").ok_or(TemplateError::Unknown { at })?;
            let (inner, after) = inner.split_once('}').ok_or(TemplateError::Unclosed { at })?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Reference(reference(inner, at)?));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        let template = Self(parts);
        if template.references().next().is_none() {
            return Err(TemplateError::NoReference);
        }
        let text_is_valid = template.0.iter().all(|part| match part {
            Part::Text(text) => http::HeaderValue::from_str(text).is_ok(),
            Part::Reference(_) => true,
        });
        if text_is_valid {
            Ok(template)
        } else {
            Err(TemplateError::BadText)
        }
    }
}

fn reference(inner: &str, at: usize) -> Result<Reference, TemplateError> {
    let (kind, name) = inner.split_once(':').ok_or(TemplateError::Unknown { at })?;
    match kind {
        "env" => {
            let good = !name.is_empty()
                && !name.starts_with(|first: char| first.is_ascii_digit())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if good {
                Ok(Reference::Env(name.to_owned()))
            } else {
                Err(TemplateError::BadName { at })
            }
        }
        "file" => {
            let path = PathBuf::from(name);
            if path.is_absolute() {
                Ok(Reference::File(path))
            } else {
                Err(TemplateError::BadName { at })
            }
        }
        _ => Err(TemplateError::Unknown { at }),
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(&text.replace('$', "$$"))?,
                Part::Reference(reference) => write!(f, "{reference}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_its_sources_in_order() {
        let template: Template = "a$$b ${env:ONE}:${file:/two words}".parse().unwrap();
        let references: Vec<_> = template.references().cloned().collect();
        assert_eq!(
            references,
            [Reference::Env("ONE".into()), Reference::File("/two words".into())]
        );
        assert_eq!(template.to_string(), "a$$b ${env:ONE}:${file:/two words}");
        let filled = template
            .fill(|reference| Ok::<_, ()>(Secret::new(format!("<{reference}>"))))
            .unwrap();
        assert_eq!(filled.expose(), "a$b <${env:ONE}>:<${file:/two words}>");
    }

    #[test]
    fn what_is_no_template_is_refused_without_repeating_it() {
        for (text, expected) in [
            ("Bearer sk-pasted", TemplateError::NoReference),
            ("Bearer ${env:X", TemplateError::Unclosed { at: 7 }),
            ("Bearer $X", TemplateError::Unknown { at: 7 }),
            ("${vault:x}", TemplateError::Unknown { at: 0 }),
            ("${env}", TemplateError::Unknown { at: 0 }),
            ("${env:}", TemplateError::BadName { at: 0 }),
            ("${env:1X}", TemplateError::BadName { at: 0 }),
            ("${env:A-B}", TemplateError::BadName { at: 0 }),
            ("${file:relative}", TemplateError::BadName { at: 0 }),
            ("a\n${env:X}", TemplateError::BadText),
        ] {
            let error = text.parse::<Template>().unwrap_err();
            assert_eq!(error, expected, "{text:?}");
            assert!(!error.to_string().contains("pasted"));
        }
    }
}
