//! Whether what follows a short signature belongs to it: two to four bytes begin many a file that is something else.

/// Largest side of a picture that is believed.
const SIDE: u16 = 32_768;

/// Fields of a header. What is not there is zero.
struct HeaderFields<'a>(&'a [u8]);

impl HeaderFields<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or_default()
    }

    fn short(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.byte(at), self.byte(at + 1)])
    }

    fn long(&self, at: usize) -> u32 {
        u32::from(self.short(at)) | u32::from(self.short(at + 2)) << 16
    }

    fn is_side(&self, at: usize) -> bool {
        (1..=SIDE).contains(&self.short(at))
    }
}

/// Whether the head may be of the type that the library takes it for.
pub(crate) fn is_confirmed(head: &[u8], media: &str) -> bool {
    let header = HeaderFields(head);
    match media {
        // `30 82` begins every larger structure of ASN.1: a certificate is a sequence in a sequence.
        "application/x-x509-ca-cert" if head.starts_with(b"\x30\x82") => header.byte(4) == 0x30,
        "application/gzip" => header.byte(2) == 8,
        // The version and its block size, then the mark of a block or of the end.
        "application/x-bzip2" => {
            let mark = head.get(4..10).unwrap_or_default();
            header.byte(3).is_ascii_digit() && matches!(mark, b"1AY&SY" | b"\x17\x72\x45\x38\x50\x90")
        }
        "application/x-compress" => header.byte(1) == 0x9D && matches!(header.byte(2) & 0x7F, 9..=16),
        "application/x-arj" => (30..=2_600).contains(&header.short(2)),
        // The old binary form has a signature of two bytes.
        "application/x-cpio" => head.starts_with(b"0707"),
        "application/x-shockwave-flash" => (1..=60).contains(&header.byte(3)),
        "application/postscript" => head.starts_with(b"%!PS"),
        // Text was looked for before, and a model in text is text.
        "model/x-stl-ascii" => false,
        "image/gif" => head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a"),
        "image/jpeg" => header.byte(3) >= 0xC0,
        // A bare stream, whose signature is two bytes; in its container it has twelve.
        "image/jxl" => !head.starts_with(b"\xFF\x0A"),
        "image/bmp" => matches!(header.long(14), 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124),
        "image/x-icon" => is_icon(&header),
        "image/x-pcx" => is_paintbrush(&header),
        "image/wmf" => head.starts_with(b"\xD7") || header.byte(4) == 0 && matches!(header.byte(5), 1 | 3),
        "image/x-pfm" => is_size(head),
        media if media.starts_with("image/x-portable-") => head.starts_with(b"P7") || is_size(head),
        // Frames of MPEG: a bit rate, and a sampling frequency that exists.
        "audio/mpeg" if header.byte(0) == 0xFF => {
            header.byte(2) >> 4 != 15 && header.byte(2) >> 2 & 3 != 3 && header.byte(2) != 0
        }
        // A sampling frequency that exists, and a frame that is longer than its header.
        "audio/aac" if header.byte(0) == 0xFF => {
            let length = u16::from(header.byte(3) & 3) << 11 | u16::from(header.byte(4)) << 3;
            header.byte(2) >> 2 & 15 < 13 && length | u16::from(header.byte(5) >> 5) >= 7
        }
        "video/x-fli" | "video/x-flc" => {
            header.is_side(8) && header.is_side(10) && matches!(header.short(12), 0 | 8 | 15 | 16 | 24)
        }
        _ => true,
    }
}

/// An icon or a cursor: at least one picture, whose bytes lie behind the directory.
fn is_icon(header: &HeaderFields<'_>) -> bool {
    let count = u32::from(header.short(4));
    let (bytes, offset) = (header.long(14), header.long(18));
    (1..=1_024).contains(&count) && header.byte(9) == 0 && bytes >= 16 && offset >= 6 + 16 * count
}

/// A picture of PC Paintbrush: the version is part of the signature.
fn is_paintbrush(header: &HeaderFields<'_>) -> bool {
    let corners = header.short(8) >= header.short(4) && header.short(10) >= header.short(6);
    header.byte(2) <= 1
        && matches!(header.byte(3), 1 | 2 | 4 | 8)
        && header.byte(64) == 0
        && matches!(header.byte(65), 1..=4)
        && corners
}

/// Whether a number or a comment follows, as in a picture of Netpbm.
fn is_size(head: &[u8]) -> bool {
    let rest = head.get(3..).unwrap_or_default().trim_ascii_start();
    matches!(rest.first(), Some(b'0'..=b'9' | b'#' | b'-'))
}

/// A picture of Truevision, which has no signature: true colours or greys without a palette and without a name, and
/// nothing in its header that contradicts it.
pub(crate) fn is_targa(head: &[u8]) -> bool {
    let header = HeaderFields(head);
    let depths: &[u8] = match header.byte(2) {
        2 | 10 => &[15, 16, 24, 32],
        3 | 11 => &[8],
        _ => return false,
    };
    head.len() > 18
        && header.byte(0) == 0
        && header.byte(1) == 0
        && head[3..8].iter().all(|byte| *byte == 0)
        && header.is_side(12)
        && header.is_side(14)
        && depths.contains(&header.byte(16))
        // Bits of transparency, and where the first line stands.
        && header.byte(17) & 0xC0 == 0
        && matches!(header.byte(17) & 0x0F, 0 | 1 | 8)
}
