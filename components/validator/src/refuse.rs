//! The refusal codes. A code is stable: clients and dashboards depend on it.

use crate::bindings::exports::loadlock::upload::validator::Refusal;

/// Why a file is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    NameEmpty,
    NameNotUtf8,
    NameSeparator,
    NameDotSegment,
    NameControlCharacter,
    NameBidiCharacter,
    NameInvisibleCharacter,
    NameEdge,
    NameReserved,
    NameTooLong,
    SecretName,
    SecretContent,
    NameDenied,
    NameNotAllowed,
    EmptyFile,
    TooLarge,
    TypeDenied,
    TypeMismatch,
}

impl Code {
    /// Every code, for the tests that hold for each.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 18] = [
        Self::NameEmpty,
        Self::NameNotUtf8,
        Self::NameSeparator,
        Self::NameDotSegment,
        Self::NameControlCharacter,
        Self::NameBidiCharacter,
        Self::NameInvisibleCharacter,
        Self::NameEdge,
        Self::NameReserved,
        Self::NameTooLong,
        Self::SecretName,
        Self::SecretContent,
        Self::NameDenied,
        Self::NameNotAllowed,
        Self::EmptyFile,
        Self::TooLarge,
        Self::TypeDenied,
        Self::TypeMismatch,
    ];

    /// The code as the client sees it.
    #[cfg(test)]
    pub(crate) fn text(self) -> &'static str {
        self.texts().0
    }

    /// A refusal with this code; the reason is one sentence without text from the file.
    pub(crate) fn because(self, reason: impl Into<String>) -> Refusal {
        let (code, hint) = self.texts();
        Refusal {
            code: code.to_owned(),
            reason: reason.into(),
            hint: hint.to_owned(),
        }
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::NameEmpty => ("name_empty", "Give the file a name."),
            Self::NameNotUtf8 => ("name_not_utf8", "Rename the file in UTF-8."),
            Self::NameSeparator => ("name_separator", "Send the file's own name, without a folder."),
            Self::NameDotSegment => ("name_dot_segment", "Give the file a name of its own."),
            Self::NameControlCharacter => (
                "name_control_character",
                "Rename the file: leave control characters out.",
            ),
            Self::NameBidiCharacter => (
                "name_bidi_character",
                "Rename the file: leave out characters that change the direction of text.",
            ),
            Self::NameInvisibleCharacter => (
                "name_invisible_character",
                "Rename the file: leave out characters that cannot be seen.",
            ),
            Self::NameEdge => (
                "name_edge",
                "Rename the file: no space at either end and no dot at the end.",
            ),
            Self::NameReserved => (
                "name_reserved",
                "Rename the file: Windows keeps that name for a device.",
            ),
            Self::NameTooLong => ("name_too_long", "Shorten the name to at most 255 bytes."),
            Self::SecretName => (
                "secret_name",
                "Do not upload credentials; if the file is not one, rename it or ask the operator to put `secrets` \
                 into `validator.skip`.",
            ),
            Self::SecretContent => (
                "secret_content",
                "Take the credential out of the file, or ask the operator to put `secrets` into `validator.skip`.",
            ),
            Self::NameDenied => (
                "name_denied",
                "Rename the file, or ask the operator to change the deny list.",
            ),
            Self::NameNotAllowed => (
                "name_not_allowed",
                "Rename the file, or ask the operator to change the allow list.",
            ),
            Self::EmptyFile => (
                "empty_file",
                "Check that the file was written; an empty one is not accepted.",
            ),
            Self::TooLarge => (
                "too_large",
                "Split or compress the file, or ask the operator to raise the limit.",
            ),
            Self::TypeDenied => (
                "type_denied",
                "Convert the file to another type, or ask the operator to change the denied types.",
            ),
            Self::TypeMismatch => (
                "type_mismatch",
                "Give the file the extension that belongs to its content.",
            ),
        }
    }
}
