//! What each page should hold: redb verifies checksums when it opens a store and never again, so a page that changes on
//! the disk later would be believed, or would make it panic, even in a destructor, where nothing can catch it.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};

/// redb's page.
const PAGE: usize = 4096;

/// Fingerprints of the pages as they were last read or written: 8 bytes each, 0.2 % of the store.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    fingerprints: Mutex<Vec<Option<NonZeroU64>>>,
}

impl Pages {
    /// Notes what was written.
    pub(crate) fn wrote(&self, offset: u64, data: &[u8]) {
        let mut known = self.fingerprints.lock().unwrap_or_else(PoisonError::into_inner);
        for (page, content) in whole(offset, data) {
            if known.len() <= page {
                known.resize(page + 1, None);
            }
            known[page] = Some(fingerprint(content));
        }
    }

    /// Notes what was read, or answers the first page that is not what it was.
    pub(crate) fn read(&self, offset: u64, data: &[u8]) -> Result<(), usize> {
        let mut known = self.fingerprints.lock().unwrap_or_else(PoisonError::into_inner);
        for (page, content) in whole(offset, data) {
            if known.len() <= page {
                known.resize(page + 1, None);
            }
            let now = fingerprint(content);
            if *known[page].get_or_insert(now) != now {
                return Err(page);
            }
        }
        Ok(())
    }

    /// Forgets what was cut off.
    pub(crate) fn cut(&self, len: u64) {
        let mut known = self.fingerprints.lock().unwrap_or_else(PoisonError::into_inner);
        known.truncate(usize::try_from(len / PAGE as u64).unwrap_or(usize::MAX));
    }
}

/// The whole pages in a read or write. The header, which is less than one, has checksums that redb always verifies.
fn whole(offset: u64, data: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let first = usize::try_from(offset / PAGE as u64).unwrap_or(usize::MAX);
    let aligned = offset.is_multiple_of(PAGE as u64) && first != usize::MAX;
    let pages = if aligned {
        data.chunks_exact(PAGE)
    } else {
        [].chunks_exact(PAGE)
    };
    pages
        .enumerate()
        .map(move |(number, content)| (first + number, content))
}

/// Differs for certain if one word differs, because each step is a bijection of it; it is not a defence against an
/// attacker, who could as well write redb's own checksums.
fn fingerprint(content: &[u8]) -> NonZeroU64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = ODD;
    for word in content.as_chunks::<8>().0 {
        state = (state.rotate_left(29) ^ u64::from_le_bytes(*word)).wrapping_mul(ODD);
    }
    NonZeroU64::new(state).unwrap_or(NonZeroU64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_of_a_known_page_shows() {
        let mut content = vec![7; 3 * PAGE];
        let pages = Pages::default();
        pages.wrote(PAGE as u64, &content);
        assert_eq!(pages.read(PAGE as u64, &content), Ok(()));
        for at in (0..content.len()).step_by(101) {
            content[at] ^= 1 << (at % 8);
            assert_eq!(pages.read(PAGE as u64, &content), Err(1 + at / PAGE));
            content[at] ^= 1 << (at % 8);
        }
    }

    #[test]
    fn what_was_cut_off_may_come_back_different() {
        let pages = Pages::default();
        pages.wrote(0, &[1; 2 * PAGE]);
        pages.cut(PAGE as u64);
        assert_eq!(pages.read(PAGE as u64, &[0; PAGE]), Ok(()));
        assert_eq!(pages.read(0, &[0; PAGE]), Err(0));
        assert_eq!(pages.read(5, &[0; PAGE]), Ok(()), "not a page");
    }
}
