//! What the operator's rules need.

/// The name if it is one plain segment of at most 255 bytes.
pub fn clean_name(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let plain = !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | '\u{200e}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    (plain && (1..=255).contains(&name.len()) && !matches!(name, "." | "..")).then(|| name.to_owned())
}

/// `*` and `?`, whatever the case. Linear in pattern times text, whatever the pattern.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.to_lowercase().chars().collect(), text.to_lowercase().chars().collect());
    let (mut p, mut t, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after, at)) => {
                    retry = Some((after, at + 1));
                    p = after;
                    t = at + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

pub struct LooksLike {
    pub media_type: &'static str,
    pub extension: String,
    pub contradicts_name: bool,
}

const SIGNATURES: [(&[u8], &str, &[&str]); 7] = [
    (b"%PDF-", "application/pdf", &["pdf"]),
    (b"\x89PNG\r\n\x1a\n", "image/png", &["png"]),
    (b"\xff\xd8\xff", "image/jpeg", &["jpg", "jpeg"]),
    (b"GIF8", "image/gif", &["gif"]),
    (b"\x7fELF", "application/x-executable", &["", "bin", "so", "o", "elf"]),
    (b"MZ", "application/x-msdownload", &["exe", "dll", "sys"]),
    (b"#!", "text/x-script", &["", "sh", "py", "pl", "rb", "js"]),
];

/// By its first bytes, else by whether it is text.
pub fn looks_like(name: &str, head: &[u8]) -> LooksLike {
    let extension = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or("", |(_, extension)| extension);
    let extension = extension.to_lowercase();
    let found = SIGNATURES.iter().find(|(signature, ..)| head.starts_with(signature));
    let is_text = !head.contains(&0) && std::str::from_utf8(&head[..head.len().min(4_000)]).is_ok_or_cut();
    let media_type = match found {
        Some((_, media_type, _)) => media_type,
        None if is_text => "text/plain",
        None => "application/octet-stream",
    };
    let is_program = ["application/x-executable", "application/x-msdownload", "text/x-script"].contains(&media_type);
    let named_so = found.is_none_or(|(_, _, extensions)| extensions.contains(&extension.as_str()));
    LooksLike { media_type, contradicts_name: is_program && !named_so, extension }
}

trait IsOkOrCut {
    fn is_ok_or_cut(&self) -> bool;
}

impl IsOkOrCut for Result<&str, std::str::Utf8Error> {
    /// A character that is cut off at the end is none that is wrong.
    fn is_ok_or_cut(&self) -> bool {
        self.as_ref().err().is_none_or(|error| error.error_len().is_none())
    }
}

pub fn looks_secret(name: &str, head: &[u8]) -> bool {
    let name = name.to_lowercase();
    let named = ["id_*", ".env", ".env.*", "*.pem", "*.key", "*.p12", "*.kdbx", ".npmrc", ".netrc", "credentials*"];
    let key = String::from_utf8_lossy(head);
    named.iter().any(|pattern| glob(pattern, &name)) || (key.contains("-----BEGIN ") && key.contains("PRIVATE KEY-----"))
}
