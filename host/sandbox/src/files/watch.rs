//! What the host saw a guest read: how much of the file, and its digest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::bytes::FileBytes;

/// Islands of bytes that may exist at once. A guest that reads in order has one; 64 MB parts in parallel have a few.
const MAX_ISLANDS: usize = 4_096;

/// Counts and hashes what is read of one file, from any number of streams.
///
/// Hashing happens where the bytes are read from disk, ahead of the guest; coverage is counted when they are handed to
/// it. The digest runs over the contiguous bytes from the start; what was read ahead of them out of order, the host
/// reads itself in [`Watch::finish`].
#[derive(Debug, Clone)]
pub struct Watch(Arc<Mutex<WatchState>>);

#[derive(Debug)]
struct WatchState {
    hasher: Sha256,
    /// Bytes hashed: the contiguous run from 0.
    hashed: u64,
    /// Bytes handed to the guest without a gap from 0.
    run: u64,
    /// Ranges handed out beyond `run`: start → end, neither touching nor overlapping.
    islands: BTreeMap<u64, u64>,
    /// Bytes handed out, repeats included.
    handed: u64,
}

/// What a call read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadReport {
    /// Distinct bytes of the file that were read.
    pub covered: u64,
    /// Bytes handed out, repeats included.
    pub handed: u64,
    /// SHA-256 of the whole file, lower-case hexadecimal; present once `covered` is its size.
    pub sha256: Option<String>,
}

impl Default for Watch {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(WatchState {
            hasher: Sha256::new(),
            hashed: 0,
            run: 0,
            islands: BTreeMap::new(),
            handed: 0,
        })))
    }
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, WatchState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hashes bytes that were read from the disk, if they continue the contiguous run.
    pub fn hash(&self, offset: u64, bytes: &[u8]) {
        let mut state = self.state();
        let end = offset.saturating_add(bytes.len() as u64);
        if offset <= state.hashed && state.hashed < end {
            let skip = usize::try_from(state.hashed - offset).unwrap_or(bytes.len());
            state.hasher.update(&bytes[skip..]);
            state.hashed = end;
        }
    }

    /// Notes that the guest was given `len` bytes at `offset`.
    pub fn gave(&self, offset: u64, len: usize) {
        let mut state = self.state();
        state.handed = state.handed.saturating_add(len as u64);
        let end = offset.saturating_add(len as u64);
        if offset > state.run {
            state.add_island(offset, end);
            return;
        }
        state.run = state.run.max(end);
        while let Some((&start, &end)) = state.islands.first_key_value() {
            if start > state.run {
                break;
            }
            state.islands.remove(&start);
            state.run = state.run.max(end);
        }
    }

    /// Both at once.
    pub fn saw(&self, offset: u64, bytes: &[u8]) {
        self.hash(offset, bytes);
        self.gave(offset, bytes.len());
    }

    /// Bytes handed out so far, repeats included: progress for a person.
    pub fn handed(&self) -> u64 {
        self.state().handed
    }

    /// Bytes covered so far.
    pub fn covered(&self) -> u64 {
        self.state().covered()
    }

    /// Whether [`finish`](Self::finish) has nothing to read.
    pub fn is_whole(&self, size: u64) -> bool {
        self.state().hashed == size
    }

    /// Completes the digest from `file` where the guest read out of order. Blocking.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn finish(&self, file: &FileBytes, size: u64) -> std::io::Result<ReadReport> {
        let mut state = self.state();
        let covered = state.covered();
        if covered >= size && state.hashed < size {
            let mut buffer = vec![0; 256 << 10];
            while state.hashed < size {
                let want = usize::try_from(size - state.hashed)
                    .unwrap_or(buffer.len())
                    .min(buffer.len());
                let read = file.read_at(&mut buffer[..want], state.hashed)?;
                if read == 0 {
                    break;
                }
                state.hasher.update(&buffer[..read]);
                state.hashed += read as u64;
            }
        }
        let sha256 = (covered == size && state.hashed == size).then(|| hex::encode(state.hasher.clone().finalize()));
        Ok(ReadReport {
            covered,
            handed: state.handed,
            sha256,
        })
    }
}

impl WatchState {
    fn covered(&self) -> u64 {
        self.run + self.islands.iter().map(|(start, end)| end - start).sum::<u64>()
    }

    fn add_island(&mut self, mut start: u64, mut end: u64) {
        while let Some((&s, &e)) = self.islands.range(..=end).next_back() {
            if e < start {
                break;
            }
            start = start.min(s);
            end = end.max(e);
            self.islands.remove(&s);
        }
        // Beyond the cap a guest is scattering reads to cost the host memory: what is not remembered counts as unread.
        if self.islands.len() < MAX_ISLANDS {
            self.islands.insert(start, end);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(content: &[u8]) -> FileBytes {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.into()
    }

    fn digest(content: &[u8]) -> String {
        hex::encode(Sha256::digest(content))
    }

    #[test]
    fn in_order_reading_is_hashed_once() {
        let watch = Watch::default();
        watch.saw(0, b"hello ");
        watch.saw(6, b"world");
        let report = watch.finish(&file(b"hello world"), 11).unwrap();
        assert_eq!(report.covered, 11);
        assert_eq!(report.sha256, Some(digest(b"hello world")));
    }

    #[test]
    fn a_part_that_was_not_read_leaves_no_digest() {
        let watch = Watch::default();
        watch.saw(0, b"hello");
        let report = watch.finish(&file(b"hello world"), 11).unwrap();
        assert_eq!((report.covered, report.sha256), (5, None));
    }

    #[test]
    fn repeats_do_not_count_as_coverage() {
        let watch = Watch::default();
        for _ in 0..3 {
            watch.saw(0, b"hello");
        }
        let report = watch.finish(&file(b"hello world"), 11).unwrap();
        assert_eq!((report.covered, report.handed, report.sha256), (5, 15, None));
    }

    proptest::proptest! {
        #[test]
        fn any_order_gives_the_same_digest(
            content in proptest::collection::vec(proptest::num::u8::ANY, 1..200),
            cuts in proptest::collection::vec(0usize..200, 0..10),
            seed in proptest::num::u64::ANY,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < content.len()).collect();
            cuts.extend([0, content.len()]);
            cuts.sort_unstable();
            cuts.dedup();
            let mut pieces: Vec<(usize, usize)> = cuts.windows(2).map(|w| (w[0], w[1])).collect();
            let turn = (seed as usize) % pieces.len();
            pieces.rotate_left(turn);
            if seed % 2 == 0 { pieces.reverse(); }
            let watch = Watch::default();
            for (start, end) in pieces {
                watch.saw(start as u64, &content[start..end]);
            }
            let report = watch.finish(&file(&content), content.len() as u64).unwrap();
            proptest::prop_assert_eq!(report.covered, content.len() as u64);
            proptest::prop_assert_eq!(report.sha256, Some(digest(&content)));
        }
    }
}
