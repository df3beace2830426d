//! Why a configuration is refused.

use std::fmt;

use crate::origin::Provenance;

/// What kind of defect it is. The names are stable; the product reports all of them under its error code
/// `config_invalid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The file cannot be read.
    Unreadable,
    /// The file is not TOML, or not UTF-8.
    Syntax,
    /// A key that is no setting.
    UnknownKey,
    /// A `LOADLOCK_*` variable that is no setting.
    UnknownVariable,
    /// A value of the wrong type.
    WrongType,
    /// A value that cannot be understood.
    BadValue,
    /// A number, size or duration outside its bounds.
    OutOfRange,
    /// A required field is not there.
    Missing,
    /// Two values that contradict each other.
    Conflict,
    /// A path that must exist and does not, or is not what it must be.
    BadPath,
    /// A grant of a folder that must never be granted.
    ForbiddenGrant,
    /// A secret written into the file, or where a component would see it.
    LiteralSecret,
    /// A credential that would travel in the clear.
    Insecure,
    /// A credential's variable or file is not there.
    CredentialMissing,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::Unreadable,
        Self::Syntax,
        Self::UnknownKey,
        Self::UnknownVariable,
        Self::WrongType,
        Self::BadValue,
        Self::OutOfRange,
        Self::Missing,
        Self::Conflict,
        Self::BadPath,
        Self::ForbiddenGrant,
        Self::LiteralSecret,
        Self::Insecure,
        Self::CredentialMissing,
    ];

    /// The stable name, snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Syntax => "syntax",
            Self::UnknownKey => "unknown_key",
            Self::UnknownVariable => "unknown_variable",
            Self::WrongType => "wrong_type",
            Self::BadValue => "bad_value",
            Self::OutOfRange => "out_of_range",
            Self::Missing => "missing",
            Self::Conflict => "conflict",
            Self::BadPath => "bad_path",
            Self::ForbiddenGrant => "forbidden_grant",
            Self::LiteralSecret => "literal_secret",
            Self::Insecure => "insecure",
            Self::CredentialMissing => "credential_missing",
        }
    }

    /// One sentence for the documentation.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Unreadable => "The file, the home or a variable cannot be read.",
            Self::Syntax => "The file is not TOML in UTF-8.",
            Self::UnknownKey => "The key is not a setting. The nearest known one is suggested.",
            Self::UnknownVariable => "A `LOADLOCK_*` variable is not a setting. The nearest known one is suggested.",
            Self::WrongType => "The value does not have the setting's type.",
            Self::BadValue => "The value cannot be understood.",
            Self::OutOfRange => "The value is outside the setting's bounds.",
            Self::Missing => "A required field is missing.",
            Self::Conflict => "Two values contradict each other.",
            Self::BadPath => "A path does not exist or is not what it must be.",
            Self::ForbiddenGrant => "A grant of `/`, or of a folder at or below `home`.",
            Self::LiteralSecret => "A secret is in the file itself, or where a component would see it.",
            Self::Insecure => "A credential would travel over plain HTTP.",
            Self::CredentialMissing => "The variable or file of a credential is missing.",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One defect of the configuration: what is wrong, where, and what to do. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct ConfigError {
    /// The kind of defect.
    pub code: Code,
    /// The file and line, or the variable.
    pub origin: Provenance,
    /// The full key, for example `providers.kimi.egress[0].url`; empty if the defect has none.
    pub key: String,
    /// What is wrong; reads on from the key.
    pub what: String,
    /// What to do, one sentence.
    pub hint: String,
}

impl ConfigError {
    /// The line in the file, from 1.
    pub fn line(&self) -> Option<u32> {
        self.origin.place().map(|place| place.line)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Provenance::File(place) => {
                write!(f, "{}:{}:{}: ", place.file.display(), place.line, place.column)?;
            }
            Provenance::Env(name) => write!(f, "environment variable {name}: ")?,
            Provenance::Default => {}
        }
        if !self.key.is_empty() {
            write!(f, "`{}` ", self.key)?;
        }
        write!(f, "{}. {}", self.what, self.hint)
    }
}

/// Everything that is wrong with a configuration, in the file's order, variables last. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub(crate) Vec<ConfigError>);

impl ConfigErrors {
    /// The defects.
    pub fn as_slice(&self) -> &[ConfigError] {
        &self.0
    }

    pub(crate) fn sorted(mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by(|a, b| a.origin.cmp(&b.origin));
        Self(errors)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl IntoIterator for ConfigErrors {
    type Item = ConfigError;
    type IntoIter = std::vec::IntoIter<ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A defect before its place and key are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Defect {
    pub(crate) code: Code,
    pub(crate) what: String,
    pub(crate) hint: String,
}

impl Defect {
    pub(crate) fn new(code: Code, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn at(self, key: impl Into<String>, origin: &Provenance) -> ConfigError {
        ConfigError {
            code: self.code,
            origin: origin.clone(),
            key: key.into(),
            what: self.what,
            hint: self.hint,
        }
    }
}

/// Quotes a value for a message: escaped, at most 60 characters.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}
