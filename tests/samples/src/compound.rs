/// A compound file (OLE) with these entries beneath the root and `before` bytes of streams in front of its directory.
/// An entry `a/b` is a stream `b` in a storage `a`. Its directory lies in sectors that do not follow each other.
pub fn compound(class: [u8; 16], names: &[&str], before: usize) -> Vec<u8> {
    let mut entries = Entries::default();
    entries.add("Root Entry", 5, class);
    let root = names.iter().map(|name| entries.path(name)).collect();
    entries.chain(0, root);
    let directory = entries.bytes();
    let free = before.div_ceil(SECTOR);
    // A sector of the table, those in front, then the directory with a gap after each of its sectors.
    let count = directory.len() / SECTOR;
    let at = |index: usize| tables(free + 2 * count) + free + 2 * index;
    let tables = tables(free + 2 * count);
    let mut numbers = vec![FREE; tables * SECTOR / 4];
    numbers[..tables].fill(0xFFFF_FFFD);
    for index in 0..count {
        numbers[at(index)] = if index + 1 == count { END } else { number(at(index + 1)) };
    }
    let mut file = header(number(at(0)), tables);
    file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    file.resize(file.len() + free * SECTOR, 0x20);
    for sector in directory.chunks(SECTOR) {
        file.extend(sector);
        file.resize(file.len() + SECTOR, 0);
    }
    file
}

const SECTOR: usize = 512;
const FREE: u32 = u32::MAX;
const END: u32 = 0xFFFF_FFFE;

/// Sectors of the table for so many others and its own.
fn tables(sectors: usize) -> usize {
    (1..)
        .find(|tables| tables * (SECTOR / 4) >= tables + sectors)
        .unwrap_or(1)
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(FREE)
}

fn header(directory: u32, tables: usize) -> Vec<u8> {
    let mut header = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    header.extend([0; 16]);
    header.extend([0x3E, 0, 3, 0, 0xFE, 0xFF, 9, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    header.extend(number(tables).to_le_bytes());
    header.extend(directory.to_le_bytes());
    header.extend([0, 0, 0, 0, 0, 0x10, 0, 0]);
    header.extend(END.to_le_bytes());
    header.extend([0; 4]);
    header.extend(END.to_le_bytes());
    header.extend([0; 4]);
    for index in 0..109 {
        header.extend(if index < tables { number(index) } else { FREE }.to_le_bytes());
    }
    header
}

#[derive(Default)]
struct Entries(Vec<[u8; 128]>);

impl Entries {
    fn add(&mut self, name: &str, kind: u8, class: [u8; 16]) -> usize {
        let mut entry = [0; 128];
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).take(62).collect();
        entry[..units.len()].copy_from_slice(&units);
        entry[64] = u8::try_from(units.len() + 2).unwrap_or(64);
        entry[66] = kind;
        entry[67] = 1;
        entry[68..80].fill(0xFF);
        entry[80..96].copy_from_slice(&class);
        self.0.push(entry);
        self.0.len() - 1
    }

    fn path(&mut self, path: &str) -> usize {
        match path.split_once('/') {
            None => self.add(path, 2, [0; 16]),
            Some((storage, stream)) => {
                // What is inside comes first in the directory.
                let stream = self.path(stream);
                let storage = self.add(storage, 1, [0; 16]);
                self.chain(storage, vec![stream]);
                storage
            }
        }
    }

    /// Puts the children beneath a storage, each to the right of the one before.
    fn chain(&mut self, storage: usize, children: Vec<usize>) {
        let mut place = (storage, 76);
        for child in children {
            self.0[place.0][place.1..place.1 + 4].copy_from_slice(&number(child).to_le_bytes());
            place = (child, 72);
        }
    }

    fn bytes(self) -> Vec<u8> {
        let mut bytes = self.0.concat();
        bytes.resize(bytes.len().div_ceil(SECTOR) * SECTOR, 0);
        bytes
    }
}
