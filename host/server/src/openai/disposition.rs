//! `Content-Disposition` of a form's part, in the forms that clients send (RFC 7578 §4.2): parameters in any order,
//! names in UTF-8 or Latin-1, quotes escaped by a backslash or, as browsers do it, as `%22`, and `filename*` (RFC
//! 8187), which forms should not have and some have. What cannot be read is told, never replaced by another name.

use http::HeaderMap;
use http::header::CONTENT_DISPOSITION;

/// What a part is called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disposition {
    /// The field.
    pub(super) name: Option<String>,
    pub(super) filename: Filename,
}

/// What its file is called.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filename {
    Absent,
    /// Without the folders that some clients put before it.
    Given(String),
    /// It has one, and why that is none.
    Unreadable(&'static str),
}

impl Disposition {
    /// Of a part with these headers.
    ///
    /// # Errors
    /// What is wrong with the header as a whole.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, &'static str> {
        let mut values = headers.get_all(CONTENT_DISPOSITION).iter();
        let value = match (values.next(), values.next()) {
            (Some(value), None) => value.as_bytes(),
            (None, _) => return Err("a part of the form has no `Content-Disposition`"),
            _ => return Err("a part of the form has two `Content-Disposition`"),
        };
        let kind_ends = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        let (kind, rest) = value.split_at(kind_ends);
        if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
            return Err("the `Content-Disposition` of a part is not `form-data`");
        }
        let (mut name, mut plain, mut extended, mut pieces) = (None, None, None, false);
        for parameter in parameters(rest) {
            let (key, value) = parameter?;
            let known = match key.as_slice() {
                b"name" => &mut name,
                b"filename" => &mut plain,
                b"filename*" => &mut extended,
                key => {
                    pieces |= key.starts_with(b"filename*");
                    continue;
                }
            };
            if known.replace(value).is_some() {
                return Err("a part's `Content-Disposition` has a parameter twice");
            }
        }
        let name = name.map(|name| text(&name).ok_or("the name of a field is neither UTF-8 nor Latin-1"));
        Ok(Self {
            name: name.transpose()?,
            filename: filename(plain, extended, pieces),
        })
    }
}

/// `filename*` goes first, wherever it stands; where it cannot be read, `filename` is what it is for (RFC 6266 §4.3).
fn filename(plain: Option<Vec<u8>>, extended: Option<Vec<u8>>, pieces: bool) -> Filename {
    let extended = extended.map(|value| from_extended(&value).and_then(|name| last_segment(&name)));
    let plain = plain.map(|value| from_plain(&value).and_then(|name| last_segment(&name)));
    match (extended, plain) {
        (Some(Ok(name)), _) | (_, Some(Ok(name))) => Filename::Given(name),
        (Some(Err(why)), _) | (None, Some(Err(why))) => Filename::Unreadable(why),
        (None, None) if pieces => Filename::Unreadable("it is split into pieces (RFC 2231), which forms do not use"),
        (None, None) => Filename::Absent,
    }
}

/// The parameters with their values, unquoted.
fn parameters(mut rest: &[u8]) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), &'static str>> {
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_ascii_start();
            match rest.strip_prefix(b";") {
                Some(after) => rest = after,
                None => break,
            }
        }
        if rest.is_empty() {
            return None;
        }
        let end = rest.iter().position(|byte| matches!(byte, b'=' | b';'));
        let (key, after) = rest.split_at(end.unwrap_or(rest.len()));
        let key = key.trim_ascii().to_ascii_lowercase();
        let Some(value) = after.strip_prefix(b"=") else {
            rest = &[];
            return Some(Err("a part's `Content-Disposition` has a parameter without a value"));
        };
        match take_value(value.trim_ascii_start()) {
            Some((value, after)) => {
                rest = after;
                Some(Ok((key, value)))
            }
            None => {
                rest = &[];
                Some(Err("the quotes of a part's `Content-Disposition` are unbalanced"))
            }
        }
    })
}

/// A value and what follows it. A backslash stands for the quote or backslash after it and else for itself: it is also
/// what separates the folders of a path.
fn take_value(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = bytes.strip_prefix(b"\"") else {
        let end = bytes.iter().position(|byte| *byte == b';').unwrap_or(bytes.len());
        let (value, rest) = bytes.split_at(end);
        return Some((value.trim_ascii().to_vec(), rest));
    };
    let (mut value, mut rest) = (Vec::new(), quoted);
    loop {
        match rest {
            [b'"', after @ ..] => {
                let after = after.trim_ascii_start();
                return (after.is_empty() || after.starts_with(b";")).then_some((value, after));
            }
            [b'\\', byte @ (b'"' | b'\\'), after @ ..] | [byte, after @ ..] => {
                value.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn from_plain(value: &[u8]) -> Result<String, &'static str> {
    let text = text(value).ok_or("it is neither UTF-8 nor Latin-1")?;
    if text.starts_with("=?") && text.ends_with("?=") {
        return Err("it is an encoded word (RFC 2047), which forms do not use");
    }
    Ok(text)
}

/// UTF-8, or else Latin-1; bytes that are control characters there come from some other encoding. What browsers escape
/// is unescaped.
fn text(bytes: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => latin_1(bytes)?,
    };
    Some(text.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
}

fn latin_1(bytes: &[u8]) -> Option<String> {
    let printable = !bytes.iter().any(|byte| (0x80..0xa0).contains(byte));
    printable.then(|| bytes.iter().map(|byte| char::from(*byte)).collect())
}

/// RFC 8187: `charset'language'percent-encoded`.
fn from_extended(value: &[u8]) -> Result<String, &'static str> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (Some(charset), Some(_), Some(coded)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("`filename*` names no charset (RFC 8187)");
    };
    let bytes = decoded(coded).ok_or("`filename*` is not percent-encoded")?;
    if charset.eq_ignore_ascii_case(b"utf-8") {
        return String::from_utf8(bytes).map_err(|_| "`filename*` says UTF-8, but is not valid UTF-8");
    }
    if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        return latin_1(&bytes).ok_or("`filename*` says ISO-8859-1, but is not valid ISO-8859-1");
    }
    Err("the charset of `filename*` is neither UTF-8 nor ISO-8859-1")
}

fn decoded(coded: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), coded);
    while let [first, after @ ..] = rest {
        (bytes, rest) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
                (bytes, after)
            }
            (b'%', _) => return None,
            _ => {
                bytes.push(*first);
                (bytes, after)
            }
        };
    }
    Some(bytes)
}

/// The name without the folders before it: `C:\Users\me\report.pdf`, `./data/train.jsonl`.
fn last_segment(name: &str) -> Result<String, &'static str> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    match (name, last) {
        ("", _) => Err("it is empty"),
        (_, "") => Err("it names a folder"),
        (_, last) => Ok(last.to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn disposition(value: &[u8]) -> Result<Disposition, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_bytes(value).unwrap());
        Disposition::of(&headers)
    }

    /// The file's name in a header that also names the field.
    fn name(parameters: &[u8]) -> Option<String> {
        let read = disposition(&[b"form-data; ", parameters].concat()).unwrap();
        assert_eq!(read.name.as_deref(), Some("file"));
        match read.filename {
            Filename::Given(name) => Some(name),
            _ => None,
        }
    }

    #[test]
    fn every_form_of_a_name_is_read() {
        for (parameters, expected) in [
            (&b"name=\"file\"; filename=\"a b.txt\""[..], "a b.txt"),
            (b"filename=\"a.txt\"; name=\"file\"", "a.txt"),
            (b"filename=a.txt;name=file", "a.txt"),
            (b"NAME=\"file\";FileName=\"a.txt\";", "a.txt"),
            (b"name=\"file\" ; filename = \"a.txt\" ; size=3", "a.txt"),
            (b"name=file; filename=my report.pdf", "my report.pdf"),
            (
                "name=\"file\"; filename=\"r\u{e9}sum\u{e9}.pdf\"".as_bytes(),
                "r\u{e9}sum\u{e9}.pdf",
            ),
            (b"name=\"file\"; filename=\"r\xe9sum\xe9.pdf\"", "r\u{e9}sum\u{e9}.pdf"),
            (
                b"name=\"file\"; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf",
                "r\u{e9}sum\u{e9}.pdf",
            ),
            (
                b"name=\"file\"; filename*=utf-8'en'a%20b.txt; filename=\"c.txt\"",
                "a b.txt",
            ),
            (b"name=\"file\"; filename=\"c.txt\"; filename*=UTF-8''a.txt", "a.txt"),
            (b"filename*=ISO-8859-1''%A3.txt; name=\"file\"", "\u{a3}.txt"),
            (b"name=\"file\"; filename*=\"UTF-8''a.txt\"", "a.txt"),
            (b"name=\"file\"; filename*=koi8-r''%C1.txt; filename=\"c.txt\"", "c.txt"),
            (b"name=\"file\"; filename=\"a;b=c.txt\"", "a;b=c.txt"),
            (b"name=\"file\"; filename=\"say \\\"hi\\\".txt\"", "say \"hi\".txt"),
            (b"name=\"file\"; filename=\"say %22hi%22.txt\"", "say \"hi\".txt"),
            (b"name=\"file\"; filename=\"100%.txt\"", "100%.txt"),
            (b"name=\"file\"; filename=\"C:\\Users\\me\\report.pdf\"", "report.pdf"),
            (
                b"name=\"file\"; filename=\"C:\\\\Users\\\\me\\\\report.pdf\"",
                "report.pdf",
            ),
            (b"name=\"file\"; filename=\"./data/train.jsonl\"", "train.jsonl"),
            (b"name=\"file\"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        ] {
            let shown = String::from_utf8_lossy(parameters);
            assert_eq!(name(parameters).as_deref(), Some(expected), "{shown}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_other_name() {
        for parameters in [
            &b"name=\"file\""[..],
            b"name=\"file\"; filename=\"\"",
            b"name=\"file\"; filename=\"data/\"",
            b"name=\"file\"; filename=\"\x93quoted\x94.txt\"",
            b"name=\"file\"; filename*=UTF-8''%E9.txt",
            b"name=\"file\"; filename*=UTF-8''%4",
            b"name=\"file\"; filename*=a.txt",
            b"name=\"file\"; filename*=koi8-r''%C1.txt",
            b"name=\"file\"; filename=\"=?UTF-8?B?YS50eHQ=?=\"",
            b"name=\"file\"; filename*0=\"a\"; filename*1=\".txt\"",
        ] {
            assert_eq!(name(parameters), None, "{}", String::from_utf8_lossy(parameters));
        }
        for value in [
            &b"attachment; name=\"file\"; filename=\"a.txt\""[..],
            b"form-data; name=\"file\"; filename=\"a.txt\"; filename=\"b.txt\"",
            b"form-data; name=\"file\"; filename=\"a\"b.txt\"",
            b"form-data; name=\"file\"; filename=\"a.txt",
            b"form-data; name=\"file\"; filename",
            b"form-data; name=\"\x80\"",
        ] {
            assert!(disposition(value).is_err(), "{}", String::from_utf8_lossy(value));
        }
    }

    proptest! {
        /// As browsers, undici and httpx write a name, it is read again.
        #[test]
        fn a_name_arrives_as_it_was_sent(sent in "[^/\\\\\\p{C}%]{1,40}") {
            let name = |header: String| match disposition(header.as_bytes()).map(|read| read.filename) {
                Ok(Filename::Given(name)) => name,
                other => format!("{other:?}"),
            };
            let browser = sent.replace('"', "%22");
            prop_assert_eq!(&name(format!("form-data; name=\"file\"; filename=\"{browser}\"")), &sent);
            let escaped = sent.replace('"', "\\\"");
            prop_assert_eq!(&name(format!("form-data; filename=\"{escaped}\"; name=\"file\"")), &sent);
            let extended = crate::percent::percent_encoded(&sent);
            prop_assert_eq!(&name(format!("form-data; filename*=UTF-8''{extended}; name=\"file\"")), &sent);
        }

        #[test]
        fn any_header_is_read_or_refused(value in prop::collection::vec(32..=255_u8, 0..80)) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let mut headers = HeaderMap::new();
                headers.insert(CONTENT_DISPOSITION, value);
                if let Ok(Disposition { filename: Filename::Given(name), .. }) = Disposition::of(&headers) {
                    prop_assert!(!name.is_empty() && !name.contains(['/', '\\']));
                }
            }
        }
    }
}
