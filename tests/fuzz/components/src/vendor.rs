//! What vendors answer, and what they are sent.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use loadlock_sdk::failure::{MAX_MESSAGE_BYTES, kind_of_status};
use loadlock_sdk::http::{Base, segment};
use loadlock_sdk::multipart::Form;
use loadlock_sdk::openai_shape::{DeletedObject, FileObject, ListObject, VendorError, page_of_all};
use loadlock_sdk::retry_after;
use loadlock_sdk::types::{ListQuery, RemoteFile};

/// By the first byte.
pub fn vendor(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 7 {
        0 => wait(rest),
        1 => error(rest),
        2 => stored(rest),
        3 => listed(rest),
        4 => address(rest),
        5 => form(rest),
        _ => {
            let _ = serde_json::from_slice::<DeletedObject>(rest);
        }
    }
}

/// Three lines: `retry-after`, `retry-after-ms`, `date`. No wait is longer than the longest.
fn wait(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.splitn(3, '\n').collect();
    let header = |name: &str| {
        let names = ["retry-after", "retry-after-ms", "date"];
        let index = names.iter().position(|known| *known == name)?;
        lines.get(index).map(|line| (*line).to_owned())
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let wait = retry_after::parse(header, now);
    assert!(wait.is_none_or(|ms| ms <= retry_after::MAX_RETRY_AFTER_MS));
}

/// A status and a body become one bounded line, and every vendor's words are understood without a panic.
fn error(bytes: &[u8]) {
    let Some((status, body)) = bytes.split_first() else {
        return;
    };
    let status = 400 + u16::from(status % 200);
    let error = VendorError::parse(body);
    let classified = [crate::glm::classify, crate::kimi::classify, crate::openai::classify];
    for kind in classified.map(|classify| classify(status, &error)) {
        let failure = error.failure(kind.unwrap_or_else(|| kind_of_status(status)), status);
        assert!(!failure.message.chars().any(char::is_control));
        assert!(failure.message.len() <= MAX_MESSAGE_BYTES);
        assert!(failure.code.is_none_or(|code| (1..=128).contains(&code.len())));
    }
}

fn sound(file: &RemoteFile) {
    assert!((1..=512).contains(&file.id.len()));
    assert!(!file.id.chars().any(char::is_control));
}

fn stored(json: &[u8]) {
    let Ok(file) = serde_json::from_slice::<FileObject>(json) else {
        return;
    };
    if let Ok(file) = file.remote_file(7) {
        sound(&file);
    }
}

/// A page goes on or ends, and pages of a whole list hold each file once.
fn listed(json: &[u8]) {
    let Ok(list) = serde_json::from_slice::<ListObject>(json) else {
        return;
    };
    let Ok(page) = list.page(Some("after")) else {
        return;
    };
    page.files.iter().for_each(sound);
    assert!(page.next.is_none_or(|next| !next.is_empty() && next != "after"));
    let mut seen = Vec::new();
    let mut query = ListQuery {
        purpose: None,
        cursor: None,
        limit: 2,
    };
    while let Ok(part) = page_of_all(page.files.clone(), &query) {
        seen.extend(part.files.into_iter().map(place));
        assert!(seen.len() <= page.files.len(), "a file comes twice");
        query.cursor = part.next;
        if query.cursor.is_none() {
            break;
        }
    }
    let mut wanted: Vec<_> = page.files.into_iter().map(place).collect();
    wanted.sort();
    wanted.dedup();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, wanted);
}

/// Where a file stands in a list; one without an instant counts as one of 1970.
fn place(file: RemoteFile) -> (u64, String) {
    (file.created_at.unwrap_or_default(), file.id)
}

/// An address is read again as itself; a segment stays one.
fn address(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    if let Ok(base) = Base::parse(&text) {
        let again = format!("{}{}", base.origin(), base.path_of(""));
        assert_eq!(Base::parse(&again).as_ref(), Ok(&base));
        assert!(!base.authority().contains(['@', '/', '?', '#', '%', '\\']));
    }
    if let Ok(segment) = segment(&text) {
        assert!(!segment.contains(['/', '?', '#', '\\', ' ']) && segment != "..");
    }
}

/// Lines: a field's name, its value, the file's name, its type. Whatever they hold, the form that is sent has these two
/// parts and no others.
#[allow(clippy::expect_used)]
fn form(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.splitn(4, '\u{1f}');
    let mut line = || lines.next().unwrap_or_default();
    let (field, value, name, kind) = (line(), line(), line(), line());
    let form = Form::new()
        .field(field, value)
        .file("file", name, kind)
        .with_extended_name();
    let frame = form.frame(3).expect("a random boundary");
    let whole = [frame.prefix.as_slice(), b"abc", &frame.suffix].concat();
    assert_eq!(frame.length, whole.len() as u64);
    let boundary = multer::parse_boundary(&frame.content_type).expect("our own boundary");
    let stream = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from(whole))]);
    let mut read = multer::Multipart::new(stream, boundary);
    futures::executor::block_on(async {
        let mut contents = Vec::new();
        while let Ok(Some(part)) = read.next_field().await {
            contents.push(part.bytes().await.expect("a whole part"));
        }
        // A name that the reader cannot read ends the form early, and never makes a part of its own.
        assert!(contents.len() <= 2, "{contents:?}");
        if let [first, second] = contents.as_slice() {
            assert_eq!((first.as_ref(), second.as_ref()), (value.as_bytes(), &b"abc"[..]));
        }
    });
}
