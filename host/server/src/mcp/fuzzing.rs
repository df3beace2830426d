//! Promises of this door's parsers.

use serde_json::{Map, Value};

use super::input::{self, read};
use super::text::Window;
use super::tools::inline;

/// Arguments of each tool, or a page of text, by the first byte.
pub fn mcp(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    if kind % 2 == 1 {
        return pages(rest);
    }
    let Ok(Value::Object(arguments)) = serde_json::from_slice(rest) else {
        return;
    };
    arguments_of(arguments);
}

/// Everything that a model may say is arguments or a refusal that says more than nothing.
fn arguments_of(arguments: Map<String, Value>) {
    if let Ok(wanted) = read::<input::UploadBytes>(arguments.clone())
        && let Ok(content) = inline(&wanted.content_base64)
    {
        assert!(content.len() <= input::INLINE_BYTES);
        assert!(content.len() <= wanted.content_base64.len());
    }
    let refusals = [
        read::<input::UploadPath>(arguments.clone()).err(),
        read::<input::UploadMany>(arguments.clone()).err(),
        read::<input::ListFiles>(arguments.clone()).err(),
        read::<input::OneFile>(arguments.clone()).err(),
        read::<input::ReadText>(arguments.clone()).err(),
        read::<input::ProviderHealth>(arguments).err(),
    ];
    for refusal in refusals.into_iter().flatten() {
        assert!(!refusal.message.is_empty() && !refusal.hint.is_empty());
    }
}

/// Pages put together are the text, whatever the page's size and however the bytes come; what is no text gives none.
#[allow(clippy::expect_used, clippy::panic)]
fn pages(bytes: &[u8]) {
    let Some((size, content)) = bytes.split_first() else {
        return;
    };
    let limit = input::LEAST_TEXT_BYTES as usize + usize::from(size % 32);
    let (mut text, mut offset) = (String::new(), Some(0));
    while let Some(from) = offset {
        let mut window = Window::new(from, limit);
        let _ = content
            .chunks(usize::from(size / 32) + 1)
            .all(|chunk| window.push(chunk));
        let Ok(page) = window.page() else { return };
        assert!(page.text.len() <= limit && !page.text.is_empty());
        assert!(page.next.is_none_or(|next| next > from));
        text.push_str(&page.text);
        offset = page.next;
    }
    assert_eq!(text.as_bytes(), content);
}
