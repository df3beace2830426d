//! Where the table of contents of a container lies: what a compound file (OLE) or a ZIP archive is, its first bytes
//! alone do not say.
//!
//! The file is somebody else's, so nothing in it is believed: [`Search`] asks for at most [`MAX_READS`] short ranges,
//! whatever the file's tables say, and answers with at most [`MAX_CONTENTS`] bytes.
//!
//! ```
//! use loadlock_policy::container::{Search, Step};
//! let file: &[u8] = b"PK\x03\x04 and so on";
//! let mut step = Search::begin(file, file.len() as u64);
//! let contents = loop {
//!     match step {
//!         Step::Done(contents) => break contents,
//!         Step::Read(range, search) => {
//!             let bytes = file.get(range.start as usize..range.end as usize).unwrap_or_default();
//!             step = search.found(bytes);
//!         }
//!     }
//! };
//! assert!(contents.is_empty());
//! ```

use std::ops::Range;

/// Most bytes of a table of contents.
pub const MAX_CONTENTS: usize = 16_384;

/// Most ranges that are asked for.
pub const MAX_READS: u32 = 96;

/// How far from the end the end of a ZIP archive's directory is looked for: 22 bytes, and a short comment.
const MAX_TAIL: u64 = 1_024;

/// Sector numbers from here on have a meaning of their own (`[MS-CFB]` §2.1).
const MAX_SECTOR: u32 = 0xFFFF_FFFA;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Read this range, which lies in the file, and call [`Search::found`].
    Read(Range<u64>, Search),
    /// The entries of the directory as they lie in the file, cut at [`MAX_CONTENTS`]. Empty if the file is no
    /// container, or none whose directory can be found.
    Done(Vec<u8>),
}

/// A search that waits for bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    size: u64,
    reads: u32,
    contents: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// The end of an archive.
    Tail { start: u64 },
    /// The directory itself.
    Entries,
    /// A sector of a compound file's directory.
    Sector { tables: Tables, sector: u32 },
    /// Where the list of tables goes on, `left` sectors before the wanted one.
    List {
        tables: Tables,
        sector: u32,
        index: u64,
        left: u64,
    },
    /// The number of a table.
    Table { tables: Tables, sector: u32 },
    /// What follows a sector.
    Next { tables: Tables },
}

/// What the header of a compound file says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tables {
    /// 9 or 12: a sector has `1 << shift` bytes.
    shift: u32,
    /// Sectors of the table of sectors, the first 109.
    first: Vec<u32>,
    /// Where the list of the others begins.
    list: u32,
}

impl Search {
    /// Begins with the first bytes of a file (8,192 are enough) and its size.
    pub fn begin(head: &[u8], size: u64) -> Step {
        let search = |state| Self {
            size,
            reads: 0,
            contents: Vec::new(),
            state,
        };
        if head.starts_with(b"PK\x03\x04") {
            let start = size.saturating_sub(MAX_TAIL);
            return search(State::Tail { start }).read(start..size);
        }
        let Some((tables, sector)) = header(head) else {
            return Step::Done(Vec::new());
        };
        search(State::Entries).sector(tables, sector)
    }

    /// Goes on with the bytes of the range; fewer than it has if the file ended.
    pub fn found(mut self, bytes: &[u8]) -> Step {
        match std::mem::replace(&mut self.state, State::Entries) {
            State::Tail { start } => self.tail(bytes, start),
            State::Entries => {
                self.contents.extend_from_slice(bytes);
                self.done()
            }
            State::Sector { tables, sector } => {
                self.contents.extend_from_slice(bytes);
                self.follow(tables, sector)
            }
            State::List {
                tables,
                sector,
                index,
                left,
            } => match number(bytes, 0) {
                Some(next) if left > 0 => self.list(tables, sector, next, index, left - 1),
                Some(table) => self.table(tables, sector, table),
                None => self.done(),
            },
            State::Table { tables, sector } => match number(bytes, 0) {
                Some(table) => self.table(tables, sector, table),
                None => self.done(),
            },
            State::Next { tables } => match number(bytes, 0) {
                Some(next) => self.sector(tables, next),
                None => self.done(),
            },
        }
    }

    /// The directory of an archive, by the record at its end.
    fn tail(mut self, tail: &[u8], start: u64) -> Step {
        let end = tail.windows(22).rposition(|window| window.starts_with(b"PK\x05\x06"));
        let end = end.map(|at| &tail[at..]);
        let place = end.and_then(|end| Some((number(end, 12)?, number(end, 16)?)));
        let Some((length, offset)) = place else {
            return self.done();
        };
        let offset = u64::from(offset);
        let range = offset..(offset + u64::from(length).min(MAX_CONTENTS as u64)).min(self.size);
        if range.start >= start {
            // It has been read already.
            let at = |offset: u64| usize::try_from(offset - start).ok();
            let entries = at(range.start).zip(at(range.end.max(start)));
            let entries = entries.and_then(|(from, to)| tail.get(from..to));
            self.contents.extend_from_slice(entries.unwrap_or_default());
            return self.done();
        }
        self.state = State::Entries;
        self.read(range)
    }

    fn sector(mut self, tables: Tables, sector: u32) -> Step {
        if sector >= MAX_SECTOR || self.contents.len() >= MAX_CONTENTS {
            return self.done();
        }
        let start = tables.offset(sector);
        let end = (start + (1 << tables.shift)).min(self.size);
        self.state = State::Sector { tables, sector };
        self.read(start..end)
    }

    /// What follows a sector stands in the table of sectors, a part of which is in the sector of that number.
    fn follow(self, tables: Tables, sector: u32) -> Step {
        let index = u64::from(sector) / tables.entries();
        let first = usize::try_from(index).ok().and_then(|index| tables.first.get(index));
        if let Some(table) = first.copied() {
            return self.table(tables, sector, table);
        }
        // Each sector of the list has one number less than a table: the last says where the list goes on.
        let index = index - tables.first.len() as u64;
        let in_sector = tables.entries() - 1;
        let list = tables.list;
        self.list(tables, sector, list, index % in_sector, index / in_sector)
    }

    fn list(mut self, tables: Tables, sector: u32, list: u32, index: u64, left: u64) -> Step {
        if list >= MAX_SECTOR {
            return self.done();
        }
        let at = if left > 0 { tables.entries() - 1 } else { index };
        let start = tables.offset(list) + at * 4;
        self.state = if left > 0 {
            State::List {
                tables,
                sector,
                index,
                left,
            }
        } else {
            State::Table { tables, sector }
        };
        self.read(start..start + 4)
    }

    fn table(mut self, tables: Tables, sector: u32, table: u32) -> Step {
        if table >= MAX_SECTOR {
            return self.done();
        }
        let start = tables.offset(table) + u64::from(sector) % tables.entries() * 4;
        self.state = State::Next { tables };
        self.read(start..start + 4)
    }

    /// Asks for a range, unless it lies outside of the file or enough was read.
    fn read(mut self, range: Range<u64>) -> Step {
        if self.reads >= MAX_READS || range.is_empty() || range.end > self.size {
            return self.done();
        }
        self.reads += 1;
        Step::Read(range, self)
    }

    fn done(mut self) -> Step {
        self.contents.truncate(MAX_CONTENTS);
        Step::Done(self.contents)
    }
}

impl Tables {
    fn offset(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1) << self.shift
    }

    /// Numbers in a sector.
    fn entries(&self) -> u64 {
        1 << (self.shift - 2)
    }
}

/// What the header of a compound file says, and the first sector of its directory.
fn header(head: &[u8]) -> Option<(Tables, u32)> {
    if !head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") || head.len() < 512 {
        return None;
    }
    let shift = u32::from(u16::from_le_bytes([head[30], head[31]]));
    let tables = Tables {
        shift: matches!(shift, 9 | 12).then_some(shift)?,
        first: (0..109).map_while(|index| number(head, 76 + index * 4)).collect(),
        list: number(head, 68)?,
    };
    Some((tables, number(head, 48)?))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The contents that are found in a file, and how many ranges were asked for.
    fn search(file: &[u8]) -> (Vec<u8>, u32) {
        let mut step = Search::begin(&file[..file.len().min(8_192)], file.len() as u64);
        let mut reads = 0;
        loop {
            match step {
                Step::Done(contents) => return (contents, reads),
                Step::Read(range, search) => {
                    reads += 1;
                    step = search.found(&file[range.start as usize..range.end as usize]);
                }
            }
        }
    }

    /// A compound file with sectors of 512 bytes: the header, then these sectors.
    fn compound(directory: u32, list: u32, tables: &[u32], sectors: &[[u8; 512]]) -> Vec<u8> {
        let mut head = [0_u8; 512];
        head[..8].copy_from_slice(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
        head[30] = 9;
        head[48..52].copy_from_slice(&directory.to_le_bytes());
        head[68..72].copy_from_slice(&list.to_le_bytes());
        head[76..].fill(0xFF);
        for (at, table) in tables.iter().enumerate() {
            head[76 + at * 4..80 + at * 4].copy_from_slice(&table.to_le_bytes());
        }
        [&head[..], &sectors.concat()].concat()
    }

    fn numbers(numbers: &[(usize, u32)]) -> [u8; 512] {
        let mut sector = [0xFF; 512];
        for (at, number) in numbers {
            sector[at * 4..at * 4 + 4].copy_from_slice(&number.to_le_bytes());
        }
        sector
    }

    #[test]
    fn a_directory_is_followed_through_the_table() {
        let table = numbers(&[(2, 1), (1, 0xFFFF_FFFE)]);
        let file = compound(2, 0xFFFF_FFFE, &[0], &[table, [b'b'; 512], [b'a'; 512]]);
        assert_eq!(search(&file).0, [[b'a'; 512], [b'b'; 512]].concat());
    }

    #[test]
    fn a_directory_behind_seven_megabytes_is_found_by_the_list() {
        // Its first sector is one that the 110th table is about, whose number is in the list.
        let far = 109 * 128 + 3;
        let mut sectors = vec![[0; 512]; far + 1];
        sectors[0] = numbers(&[(0, 1)]);
        sectors[1] = numbers(&[(3, 2)]);
        sectors[2] = [b'b'; 512];
        sectors[far] = [b'a'; 512];
        let file = compound(far as u32, 0, &[7; 109], &sectors);
        assert!(search(&file).0.starts_with(&[[b'a'; 512], [b'b'; 512]].concat()));
    }

    #[test]
    fn a_chain_that_goes_round_ends() {
        let table = numbers(&[(1, 1)]);
        let (contents, reads) = search(&compound(1, 0, &[0], &[table, [b'a'; 512]]));
        assert!(contents.len() == MAX_CONTENTS && reads <= MAX_READS);
    }

    #[test]
    fn the_directory_of_an_archive_is_found_near_and_far() {
        for (before, comment) in [(20_000_u32, 0_u16), (100, 0), (100, 900), (20_000, 900)] {
            for length in [50, 2_000, 40_000] {
                let mut file = b"PK\x03\x04".to_vec();
                file.resize(before as usize, 0);
                file.resize(before as usize + length, b'e');
                file.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
                file.extend((length as u32).to_le_bytes());
                file.extend(before.to_le_bytes());
                file.extend(comment.to_le_bytes());
                file.resize(file.len() + usize::from(comment), b' ');
                assert_eq!(search(&file).0, vec![b'e'; length.min(MAX_CONTENTS)]);
            }
        }
    }

    proptest! {
        #[test]
        fn a_search_ends_and_stays_within_the_file(
            start in prop_oneof![Just(&b"PK\x03\x04"[..]), Just(&b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"[..])],
            shift in prop_oneof![Just(9_u8), Just(12), any::<u8>()],
            words in proptest::collection::vec(prop_oneof![0..12_u32, any::<u32>()], 0..2_000),
        ) {
            let mut file = start.to_vec();
            file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            if file.len() > 32 {
                file[30] = shift;
                file[31] = 0;
            }
            let (contents, reads) = search(&file);
            prop_assert!(contents.len() <= MAX_CONTENTS && reads <= MAX_READS);
        }
    }
}
