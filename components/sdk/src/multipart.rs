//! `multipart/form-data` (RFC 7578): fields first, then one file, with an exact length and without holding the file.

use std::fmt::Write as _;

use crate::failure::clean;
use crate::types::Failure;

/// Most times that a boundary is drawn. One draw in 2^128 meets a field by accident, so a second refusal is no
/// accident.
const DRAWS: usize = 4;

/// A form. Parts are sent in this order: every field as added, then the file.
///
/// ```
/// use loadlock_sdk::multipart::Form;
/// let form = Form::new().field("purpose", "user_data").file("file", "a \"b\".txt", "text/plain");
/// let frame = form.frame(5)?;
/// assert!(frame.prefix.ends_with(b"filename=\"a %22b%22.txt\"\r\nContent-Type: text/plain\r\n\r\n"));
/// assert_eq!(frame.length, frame.prefix.len() as u64 + 5 + frame.suffix.len() as u64);
/// # Ok::<(), loadlock_sdk::types::Failure>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Form {
    fields: Vec<(String, String)>,
    file: Option<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    field: String,
    name: String,
    media_type: String,
    extended: bool,
}

/// The bytes around a file, and the length of all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Everything before the file's bytes.
    pub prefix: Vec<u8>,
    /// Everything after them.
    pub suffix: Vec<u8>,
    /// Length of prefix, file and suffix in bytes.
    pub length: u64,
    /// The value for the `content-type` header.
    pub content_type: String,
}

impl Form {
    /// An empty form.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text field.
    pub fn field(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the file part. The name is sent as browsers send it: UTF-8 as it is, with `"`, CR and LF percent-encoded.
    pub fn file(mut self, field: &str, name: &str, media_type: &str) -> Self {
        self.file = Some(Part {
            field: field.to_owned(),
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            extended: false,
        });
        self
    }

    /// Sends the file name a second time as `filename*` (RFC 5987) where it is not ASCII. RFC 7578 forbids this; only
    /// for vendors that are known to want it.
    pub fn with_extended_name(mut self) -> Self {
        if let Some(file) = &mut self.file {
            file.extended = true;
        }
        self
    }

    /// Lays the form out around a file of `file_bytes`, with a random boundary that occurs in no field and no name.
    ///
    /// # Errors
    /// `internal` if the form is longer than 2^64 bytes.
    pub fn frame(&self, file_bytes: u64) -> Result<Frame, Failure> {
        self.frame_with(file_bytes, || format!("loadlock-{}", crate::random::token()))
    }

    /// As [`frame`](Form::frame), with the boundaries that `draw` gives.
    fn frame_with(&self, file_bytes: u64, mut draw: impl FnMut() -> String) -> Result<Frame, Failure> {
        for _ in 0..DRAWS {
            let boundary = draw();
            if !self.holds(&boundary) {
                return self.lay_out(&boundary, file_bytes);
            }
        }
        Err(Failure::internal(
            "no multipart boundary could be found that occurs in no field",
        ))
    }

    fn holds(&self, boundary: &str) -> bool {
        let field = |(name, value): &(String, String)| name.contains(boundary) || value.contains(boundary);
        let file = |part: &Part| {
            [&part.field, &part.name, &part.media_type]
                .iter()
                .any(|text| text.contains(boundary))
        };
        self.fields.iter().any(field) || self.file.as_ref().is_some_and(file)
    }

    fn lay_out(&self, boundary: &str, file_bytes: u64) -> Result<Frame, Failure> {
        let mut head = String::new();
        for (name, value) in &self.fields {
            let name = quoted(name);
            let _ = write!(
                head,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        let mut tail = String::new();
        let mut length = 0;
        if let Some(file) = &self.file {
            let _ = write!(
                head,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"",
                quoted(&file.field),
                quoted(&file.name)
            );
            if file.extended && !file.name.is_ascii() {
                let _ = write!(head, "; filename*=UTF-8''{}", extended(&file.name));
            }
            // A control character would end the header; nothing else in a media type can.
            let media_type = clean(&file.media_type, 255);
            let _ = write!(head, "\r\nContent-Type: {media_type}\r\n\r\n");
            tail.push_str("\r\n");
            length = file_bytes;
        }
        let _ = write!(tail, "--{boundary}--\r\n");
        let around = (head.len() + tail.len()) as u64;
        Ok(Frame {
            length: around
                .checked_add(length)
                .ok_or_else(|| Failure::internal("the form is longer than 2^64 bytes"))?,
            prefix: head.into_bytes(),
            suffix: tail.into_bytes(),
            content_type: format!("multipart/form-data; boundary={boundary}"),
        })
    }
}

/// A name inside quotes, as the HTML standard encodes it: only `"`, CR and LF are percent-encoded.
fn quoted(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '"' => text.push_str("%22"),
            '\r' => text.push_str("%0D"),
            '\n' => text.push_str("%0A"),
            other => text.push(other),
        }
    }
    text
}

/// A name as RFC 5987 `value-chars`.
fn extended(name: &str) -> String {
    let mut text = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn form() -> Form {
        Form::new()
            .field("purpose", "file-extract")
            .file("file", "répörт.pdf", "application/pdf")
    }

    #[test]
    fn fields_come_before_the_file_and_the_length_is_exact() {
        let frame = form().frame_with(3, || "B".to_owned()).unwrap();
        let mut whole = frame.prefix.clone();
        whole.extend(b"abc");
        whole.extend(&frame.suffix);
        assert_eq!(
            String::from_utf8(whole.clone()).unwrap(),
            "--B\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfile-extract\r\n\
             --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"répörт.pdf\"\r\n\
             Content-Type: application/pdf\r\n\r\nabc\r\n--B--\r\n"
        );
        assert_eq!(frame.length, whole.len() as u64);
        assert_eq!(frame.content_type, "multipart/form-data; boundary=B");
    }

    #[test]
    fn a_form_without_a_file_has_its_own_length() {
        let frame = Form::new().field("a", "b").frame(99).unwrap();
        assert_eq!(frame.length, (frame.prefix.len() + frame.suffix.len()) as u64);
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        let frame = Form::new()
            .field("x\"\r\n", "v")
            .file("file", "a\"; filename=\"b\r\nX: y", "text/plain\r\nX-Evil: 1")
            .frame_with(0, || "B".to_owned())
            .unwrap();
        let text = String::from_utf8(frame.prefix).unwrap();
        assert!(text.contains("name=\"x%22%0D%0A\""));
        assert!(text.contains("filename=\"a%22; filename=%22b%0D%0AX: y\"\r\n"));
        assert!(!text.contains("\nX-Evil") && !text.contains("\nX: y"));
    }

    #[test]
    fn a_boundary_that_a_field_holds_is_drawn_again() {
        let mut draws = ["taken", "named", "free"].into_iter();
        let frame = Form::new()
            .field("purpose", "--taken--")
            .file("file", "named.txt", "text/plain")
            .frame_with(0, || draws.next().unwrap().to_owned())
            .unwrap();
        assert!(frame.content_type.ends_with("=free"));
        let stuck = Form::new()
            .field("purpose", "taken")
            .frame_with(0, || "taken".to_owned());
        assert!(stuck.is_err());
    }

    #[test]
    fn boundaries_are_random_and_legal() {
        let boundary = |frame: Frame| frame.content_type.split_once('=').unwrap().1.to_owned();
        let (one, two) = (boundary(form().frame(0).unwrap()), boundary(form().frame(0).unwrap()));
        assert_ne!(one, two);
        assert!(one.len() <= 70 && one.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    }

    #[test]
    fn the_extended_name_is_only_sent_on_request_and_when_needed() {
        let text = |form: Form| String::from_utf8(form.frame(0).unwrap().prefix).unwrap();
        assert!(!text(form()).contains("filename*"));
        let extended = text(form().with_extended_name());
        assert!(extended.contains("; filename*=UTF-8''r%C3%A9p%C3%B6r%D1%82.pdf\r\n"));
        let plain = Form::new().file("file", "a b.txt", "text/plain").with_extended_name();
        assert!(!text(plain).contains("filename*"));
    }

    #[test]
    fn a_length_past_the_end_of_numbers_is_refused() {
        assert!(form().frame(u64::MAX).is_err());
    }
}
