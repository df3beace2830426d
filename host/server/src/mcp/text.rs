//! A page of text out of a stream of bytes.

use loadlock_gateway::{Error, ErrorCode, Result};

/// Bytes of the longest character, less one: what may have to be read beyond a page to know where its last character
/// ends.
const REST: usize = 3;

/// Collects the bytes from `offset` on, a page and a little more.
#[derive(Debug)]
pub(super) struct Window {
    offset: u64,
    limit: usize,
    seen: u64,
    held: Vec<u8>,
}

/// A page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) text: String,
    /// Where the next one begins, if there is one.
    pub(super) next: Option<u64>,
}

impl Window {
    pub(super) fn new(offset: u64, limit: usize) -> Self {
        Self {
            offset,
            limit,
            seen: 0,
            held: Vec::new(),
        }
    }

    /// Takes a chunk; false if no more are needed.
    pub(super) fn push(&mut self, chunk: &[u8]) -> bool {
        let skip = self.offset.saturating_sub(self.seen).min(chunk.len() as u64);
        self.seen += chunk.len() as u64;
        let chunk = chunk
            .get(usize::try_from(skip).unwrap_or(usize::MAX)..)
            .unwrap_or_default();
        let room = (self.limit + 1 + REST).saturating_sub(self.held.len());
        self.held.extend_from_slice(&chunk[..chunk.len().min(room)]);
        self.held.len() < self.limit + 1 + REST
    }

    /// The page. Without text there is an error and never an empty success: a model would make the content up.
    ///
    /// # Errors
    /// [`ErrorCode::ContentUnavailable`] for what is not text, [`ErrorCode::RequestInvalid`] for an offset that is not
    /// one of a page.
    pub(super) fn page(self) -> Result<Page> {
        if self.held.is_empty() {
            return Err(self.nothing());
        }
        if self.offset > 0 && self.held.first().is_some_and(|byte| byte & 0xC0 == 0x80) {
            return Err(invalid(format!("byte {} is in the middle of a character", self.offset)));
        }
        let more = self.held.len() > self.limit;
        let text = match std::str::from_utf8(&self.held) {
            Ok(text) => text,
            // Cut off by us, in the middle of a character.
            Err(error) if more && error.error_len().is_none() => {
                std::str::from_utf8(&self.held[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => return Err(not_text("it is not UTF-8")),
        };
        if text.contains('\0') {
            return Err(not_text("it contains NUL bytes"));
        }
        let text = &text[..text.floor_char_boundary(self.limit)];
        if !more && self.offset == 0 && text.trim().is_empty() {
            return Err(unavailable("it contains only white space"));
        }
        Ok(Page {
            next: more.then_some(self.offset + text.len() as u64),
            text: text.to_owned(),
        })
    }

    fn nothing(&self) -> Error {
        if self.seen == 0 {
            return unavailable("it is empty");
        }
        invalid(format!("the text ends at byte {}, before {}", self.seen, self.offset))
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorCode::RequestInvalid, message).hint("start at 0 and continue with `next_offset` while it is given")
}

fn unavailable(why: &str) -> Error {
    Error::new(ErrorCode::ContentUnavailable, format!("the file has no text: {why}"))
        .hint("say that the file has no readable text; do not guess what it holds")
}

fn not_text(why: &str) -> Error {
    Error::new(ErrorCode::ContentUnavailable, format!("the content is not text: {why}")).hint(
        "upload the file with a purpose whose text the vendor extracts (`provider_health` shows them), and read that",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(bytes: &[u8], offset: u64, limit: usize) -> Result<Page> {
        let mut window = Window::new(offset, limit);
        for chunk in bytes.chunks(5) {
            if !window.push(chunk) {
                break;
            }
        }
        window.page()
    }

    #[test]
    fn what_is_no_text_is_an_error() {
        for (bytes, offset) in [
            (&b""[..], 0),
            (b" \n\t", 0),
            (b"abc", 3),
            (b"abc", 4),
            (b"\xff\xfe", 0),
            (b"a\0b", 0),
            ("aé".as_bytes(), 2),
            (b"caf\xc3", 0),
        ] {
            assert!(page(bytes, offset, 16).is_err(), "{bytes:?} {offset}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pages_in_a_row_are_the_text(text in "x\\PC{0,120}", limit in 4_usize..40) {
            let (mut joined, mut offset) = (String::new(), Some(0));
            while let Some(at) = offset {
                let page = page(text.as_bytes(), at, limit).unwrap();
                prop_assert!(page.text.len() <= limit && !page.text.is_empty());
                joined.push_str(&page.text);
                offset = page.next;
            }
            prop_assert_eq!(joined, text);
        }

        #[test]
        fn any_bytes_are_a_page_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64), offset in 0_u64..80, limit in 16_usize..64) {
            if let Ok(page) = page(&bytes, offset, limit) {
                prop_assert!(!page.text.is_empty());
            }
        }
    }
}
