//! XML, as much of it as the answers of object stores need: elements and their text.
//!
//! Strict and bounded, because an answer may be hostile: no document type and so no entities of its own, nesting of at
//! most [`MAX_DEPTH`], at most [`MAX_ELEMENTS`], closing tags that match. Attributes, comments and prefixes of names
//! carry nothing that such an answer says, and are skipped.

/// Deepest nesting; S3's answers have four levels.
pub const MAX_DEPTH: usize = 16;

/// Most elements; a page of a thousand objects has some 7,000.
pub const MAX_ELEMENTS: usize = 50_000;

/// An element with what is in it.
///
/// ```
/// use loadlock_sdk::xml::Element;
/// let error = Element::parse(b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>").unwrap();
/// assert_eq!((error.name.as_str(), error.text_of("Code")), ("Error", Some("NoSuchKey")));
/// assert!(Element::parse(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>").is_none());
/// ```
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name, without a prefix.
    pub name: String,
    /// Its own text, entities resolved.
    pub text: String,
    /// The elements in it, in order.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document; nothing if it is not one, or breaks a bound.
    pub fn parse(document: &[u8]) -> Option<Self> {
        let mut rest = std::str::from_utf8(document).ok()?.trim_start_matches('\u{feff}');
        let mut open: Vec<Self> = Vec::new();
        let mut count = 0;
        loop {
            let (text, tag) = rest.split_once('<')?;
            match open.last_mut() {
                Some(inner) => inner.text.push_str(&unescaped(text)?),
                None if text.trim().is_empty() => {}
                None => return None,
            }
            if let Some(skipped) = skip(tag) {
                rest = skipped?;
                continue;
            }
            if let Some(data) = tag.strip_prefix("![CDATA[") {
                let (data, after) = data.split_once("]]>")?;
                open.last_mut()?.text.push_str(data);
                rest = after;
                continue;
            }
            let (tag, after) = tag.split_at(end_of_tag(tag)?);
            rest = after.strip_prefix('>')?;
            if let Some(name) = tag.strip_prefix('/') {
                let done = open.pop().filter(|inner| inner.name == local(name.trim_end()))?;
                match open.last_mut() {
                    Some(outer) => outer.children.push(done),
                    None => return rest.trim().is_empty().then_some(done),
                }
                continue;
            }
            count += 1;
            if open.len() >= MAX_DEPTH || count > MAX_ELEMENTS {
                return None;
            }
            let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let name = tag
                .split_ascii_whitespace()
                .next()
                .map(local)
                .filter(|name| is_name(name))?;
            let element = Self {
                name: name.to_owned(),
                ..Self::default()
            };
            match (is_empty, open.last_mut()) {
                (false, _) => open.push(element),
                (true, Some(outer)) => outer.children.push(element),
                (true, None) => return rest.trim().is_empty().then_some(element),
            }
        }
    }

    /// The first element of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Every element of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first element of this name, if there is any.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name)
            .map(|child| child.text.trim())
            .filter(|text| !text.is_empty())
    }
}

/// A text with the characters that have a meaning in XML escaped.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// What follows a declaration or a comment: nothing inside if it has no end, nothing at all if `tag` is neither.
fn skip(tag: &str) -> Option<Option<&str>> {
    for (start, end) in [("?", "?>"), ("!--", "-->")] {
        if let Some(inner) = tag.strip_prefix(start) {
            return Some(inner.split_once(end).map(|(_, after)| after));
        }
    }
    None
}

/// Where the tag ends: at a `>` that stands in no attribute's value.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.bytes().position(|byte| match (quote, byte) {
        (None, b'>') => true,
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        (Some(open), byte) if open == byte => {
            quote = None;
            false
        }
        _ => false,
    })
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (entity, after) = after.split_once(';')?;
        out.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = entity.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => number.parse(),
                };
                char::from_u32(code.ok()?)?
            }
        });
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn answers_are_read() {
        let page = Element::parse(
            br#"<?xml version="1.0" encoding="UTF-8"?>
            <!-- > --><s3:ListBucketResult xmlns:s3='http://s3/"a>b"'>
              <Prefix/><IsTruncated>true</IsTruncated>
              <Contents><Key>a &amp; b&#x3c;&#233;</Key><Size> 5 </Size></Contents>
              <Contents><Key><![CDATA[<c>&amp;]]></Key></Contents>
            </s3:ListBucketResult>
            "#,
        )
        .unwrap();
        assert_eq!(page.name, "ListBucketResult");
        assert_eq!(
            (page.text_of("IsTruncated"), page.text_of("Prefix")),
            (Some("true"), None)
        );
        let keys: Vec<_> = page.all("Contents").map(|one| one.text_of("Key").unwrap()).collect();
        assert_eq!(keys, ["a & b<\u{e9}", "<c>&amp;"]);
        assert_eq!(page.child("Contents").unwrap().text_of("Size"), Some("5"));
    }

    #[test]
    fn what_is_hostile_or_broken_is_nothing() {
        let deep = "<a>".repeat(MAX_DEPTH + 1) + &"</a>".repeat(MAX_DEPTH + 1);
        let many = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/>x",
            "<a/><b/>",
            "<a>&unknown;</a>",
            "<a>&#xffffffff;</a>",
            "<a>& b</a>",
            "<!DOCTYPE a><a/>",
            "<!ENTITY x 'y'><a/>",
            "<a><!DOCTYPE b></a>",
            "<![CDATA[x]]>",
            "<a b='></a>",
            "<a><!-- </a>",
            "< a></ a>",
            "<a\u{e9}/>",
            &deep,
            &many,
        ] {
            assert_eq!(Element::parse(text.as_bytes()), None, "{}", &text[..text.len().min(40)]);
        }
        assert_eq!(Element::parse(b"<a>\xff</a>"), None);
        let most = "<a>".repeat(MAX_DEPTH) + &"</a>".repeat(MAX_DEPTH);
        assert!(Element::parse(most.as_bytes()).is_some());
    }

    #[test]
    fn text_is_escaped_as_it_is_read() {
        let text = "a<b>&\"c'";
        let read = Element::parse(format!("<a>{}</a>", escaped(text)).as_bytes()).unwrap();
        assert_eq!(read.text, text);
    }
}
