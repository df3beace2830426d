//! Help texts are wrapped once, where they are shown.
//!
//! In the source they are wrapped for whoever reads that. A terminal has another width: wrapped again at that one,
//! every other line would be a word long.

use std::ffi::OsString;

/// Joins the lines of each paragraph. Examples stay as they are, one a line, to be pasted.
pub(crate) fn once(text: &str) -> String {
    let paragraphs = text
        .split("\n\n")
        .map(|paragraph| match paragraph.starts_with(EXAMPLES) {
            true => paragraph.to_owned(),
            false => paragraph.replace('\n', " "),
        });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// `loadlock help a b` as `loadlock a b --help`.
pub(crate) fn as_flag(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|first| first == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    }
    arguments
}

/// How a paragraph of examples begins.
pub(crate) const EXAMPLES: &str = "Examples:\n";

#[cfg(test)]
mod tests {
    use super::once;

    #[test]
    fn paragraphs_are_joined_and_examples_are_not() {
        assert_eq!(
            once("one\ntwo\n\nExamples:\n  a\n  b\n\nc\nd"),
            "one two\n\nExamples:\n  a\n  b\n\nc d"
        );
    }
}
