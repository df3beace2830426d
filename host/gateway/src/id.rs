//! Identifiers of our own.

use rand::RngExt;
use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 26 characters `[0-9a-z]`, 130 random bits: unguessable and unique without a counter.
pub(crate) fn mark() -> String {
    let mut random = rand::rng();
    (0..26)
        .map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())]))
        .collect()
}

/// As [`mark`], but beginning with a tag of at most 8 characters: 90 random bits are left.
pub(crate) fn tagged(tag: &str) -> String {
    let mark = mark();
    format!("{tag}{}", &mark[tag.len().min(8)..])
}

/// A file's id.
pub(crate) fn file() -> String {
    format!("file-{}", mark())
}

/// Whether this looks like a file's id.
pub(crate) fn is_of_file(id: &str) -> bool {
    let mark = id.strip_prefix("file-").unwrap_or_default();
    mark.len() == 26 && mark.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// What separates the id of a file from what tells its copies apart.
const OF_COPY: char = '~';

/// The id of a further copy of a file. No two attempts at one have the same: what became of each is settled by its id.
pub(crate) fn copy(file: &str) -> String {
    format!("{file}{OF_COPY}{}", &mark()[..13])
}

/// The file that this is the id, or the id of a copy, of.
pub(crate) fn file_of(id: &str) -> &str {
    id.split(OF_COPY).next().unwrap_or(id)
}

/// Whether it is the id of a copy, by which nobody but the gateway names it.
pub(crate) fn is_of_copy(id: &str) -> bool {
    id.contains(OF_COPY)
}

/// The id of a file that another system uploaded: the same whenever it is imported.
pub(crate) fn imported(tenant: &str, account: &str, remote_id: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["loadlock import", tenant, account, remote_id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let characters = digest.iter().take(26);
    let mark: String = characters
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect();
    format!("file-{mark}")
}

/// The remote name that carries a mark and keeps the extension, at most 255 bytes.
pub(crate) fn marked_name(name: &str, mark: &str) -> String {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 16 => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let room = 255usize.saturating_sub(mark.len() + 1 + extension.len());
    let mut cut = stem.len().min(room);
    while !stem.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}-{mark}{extension}", &stem[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_found_by_the_id_of_its_file() {
        let file = file();
        let (one, other) = (copy(&file), copy(&file));
        assert_ne!(one, other);
        assert!(file_of(&one) == file && file_of(&file) == file);
        assert!(is_of_copy(&one) && !is_of_copy(&file));
    }

    #[test]
    fn a_marked_name_keeps_the_extension_and_fits() {
        let mark = mark();
        assert_eq!(mark.len(), 26);
        assert_eq!(marked_name("report.pdf", &mark), format!("report-{mark}.pdf"));
        assert_eq!(marked_name(".env", &mark), format!(".env-{mark}"));
        let long = format!("{}.pdf", "ä".repeat(125));
        let marked = marked_name(&long, &mark);
        assert!(marked.len() <= 255 && marked.ends_with(&format!("-{mark}.pdf")));
    }
}
