//! `*` (any run of characters, also none) and `?` (any one character). Everything else stands for itself.

use unicode_normalization::UnicodeNormalization;

/// The form in which names and patterns are compared: NFKC, lower case. So neither case nor a full-width or
/// ligature look-alike gets past a rule.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        // Nearly every name and pattern is; NFKC has nothing to say about it.
        return text.to_ascii_lowercase();
    }
    fold_any(text)
}

/// [`fold`] without the short cut.
pub(crate) fn fold_any(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

/// Whether the whole text matches the pattern. Both are folded already. Takes at most `pattern × text` steps.
pub(crate) fn matches(mut pattern: &str, mut text: &str) -> bool {
    // The pattern after the last star, and the text from where that star has not eaten on.
    let mut star: Option<(&str, &str)> = None;
    loop {
        let (mut wanted, mut rest) = (pattern.chars(), text.chars());
        let Some(found) = rest.next() else {
            return pattern.bytes().all(|left| left == b'*');
        };
        match wanted.next() {
            Some('*') => {
                pattern = wanted.as_str();
                star = Some((pattern, text));
            }
            Some(one) if one == '?' || one == found => {
                pattern = wanted.as_str();
                text = rest.as_str();
            }
            _ => {
                let Some((after, uneaten)) = star else {
                    return false;
                };
                let mut left = uneaten.chars();
                left.next();
                pattern = after;
                text = left.as_str();
                star = Some((pattern, text));
            }
        }
    }
}
