//! Power losses: every disk that could be found after one, at any moment of a recorded run.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::tests::disk::{Event, SECTOR};

/// What of the changes that were not synced reached the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
    /// Nothing.
    Nothing,
    /// Everything: also what a killed process leaves.
    Everything,
    /// Everything but one.
    Without(usize),
    /// One alone.
    Only(usize),
    /// Any sectors of any, in any combination.
    Random(u64),
}

/// A disk after the power came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    pub(crate) names: BTreeMap<String, usize>,
    pub(crate) files: Vec<Vec<u8>>,
}

/// Walks through a run and knows, at each moment, what is durable and what is pending.
#[derive(Debug)]
pub(crate) struct Cutter<'e> {
    durable: Image,
    /// Content changes since their file's last sync.
    pending: Vec<&'e Event>,
    /// Name changes since the directory's last sync.
    pending_names: Vec<&'e Event>,
}

impl<'e> Cutter<'e> {
    /// From what the disk held before the run.
    pub(crate) fn new(before: Image) -> Self {
        Self {
            durable: before,
            pending: Vec::new(),
            pending_names: Vec::new(),
        }
    }

    /// How many content changes are pending.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Lets the next event happen. A sync that is not `effective` is one that the code forgot.
    pub(crate) fn step(&mut self, event: &'e Event, effective: bool) {
        match event {
            Event::Write { .. } | Event::SetLen { .. } => self.pending.push(event),
            Event::Create { .. } | Event::Rename { .. } | Event::Remove { .. } => self.pending_names.push(event),
            Event::Sync { file } if effective => {
                let (synced, left) = self.pending.drain(..).partition(|event| file_of(event) == Some(*file));
                self.pending = left;
                let synced: Vec<_> = synced;
                for event in synced {
                    write(&mut self.durable, event);
                }
            }
            Event::SyncDirectory if effective => {
                for event in self.pending_names.drain(..) {
                    name(&mut self.durable.names, event);
                }
            }
            Event::Sync { .. } | Event::SyncDirectory | Event::Issued(_) | Event::Acknowledged(_) => {}
        }
    }

    /// The disk after a power loss at this moment.
    pub(crate) fn cut(&self, choice: Choice) -> Image {
        let mut image = self.durable.clone();
        let mut random = SmallRng::seed_from_u64(match choice {
            Choice::Random(seed) => seed,
            _ => 0,
        });
        let names = match choice {
            Choice::Nothing | Choice::Only(_) => 0,
            Choice::Everything | Choice::Without(_) => self.pending_names.len(),
            Choice::Random(_) => random.random_range(0..=self.pending_names.len()),
        };
        for event in &self.pending_names[..names] {
            name(&mut image.names, event);
        }
        for (number, event) in self.pending.iter().enumerate() {
            match choice {
                Choice::Nothing => {}
                Choice::Everything => write(&mut image, event),
                Choice::Without(one) if one == number => {}
                Choice::Without(_) => write(&mut image, event),
                Choice::Only(one) if one == number => write(&mut image, event),
                Choice::Only(_) => {}
                Choice::Random(_) => write_some(&mut image, event, &mut random),
            }
        }
        image
    }
}

fn file_of(event: &Event) -> Option<usize> {
    match event {
        Event::Write { file, .. } | Event::SetLen { file, .. } => Some(*file),
        _ => None,
    }
}

fn content(image: &mut Image, file: usize) -> &mut Vec<u8> {
    if image.files.len() <= file {
        image.files.resize(file + 1, Vec::new());
    }
    &mut image.files[file]
}

fn put(image: &mut Image, file: usize, offset: usize, data: &[u8]) {
    let content = content(image, file);
    if content.len() < offset + data.len() {
        content.resize(offset + data.len(), 0);
    }
    content[offset..offset + data.len()].copy_from_slice(data);
}

fn write(image: &mut Image, event: &Event) {
    match event {
        Event::Write { file, offset, data } => put(image, *file, *offset, data),
        Event::SetLen { file, len } => content(image, *file).resize(*len, 0),
        _ => {}
    }
}

fn write_some(image: &mut Image, event: &Event, random: &mut SmallRng) {
    match event {
        Event::SetLen { .. } if random.random() => write(image, event),
        Event::Write { file, offset, data } if random.random() => {
            let torn: bool = random.random();
            let mut at = 0;
            while at < data.len() {
                let end = data.len().min((offset + at) / SECTOR * SECTOR + SECTOR - offset);
                if !torn || random.random() {
                    put(image, *file, offset + at, &data[at..end]);
                }
                at = end;
            }
        }
        _ => {}
    }
}

fn name(names: &mut BTreeMap<String, usize>, event: &Event) {
    match event {
        Event::Create { name, file } => {
            names.insert(name.clone(), *file);
        }
        Event::Rename { from, to } => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        Event::Remove { name } => {
            names.remove(name);
        }
        _ => {}
    }
}

mod tests {
    use super::*;

    fn write_at(offset: usize, data: &[u8]) -> Event {
        let (file, data) = (0, data.to_vec());
        Event::Write { file, offset, data }
    }

    #[test]
    fn only_a_sync_makes_a_write_certain() {
        let events = [write_at(0, b"a"), Event::Sync { file: 0 }, write_at(0, b"b")];
        let mut cutter = Cutter::new(Image::default());
        for event in &events {
            cutter.step(event, true);
        }
        assert_eq!(cutter.cut(Choice::Nothing).files, [b"a"]);
        assert_eq!(cutter.cut(Choice::Everything).files, [b"b"]);
        let mut forgetful = Cutter::new(Image::default());
        for event in &events[..2] {
            forgetful.step(event, false);
        }
        assert!(forgetful.cut(Choice::Nothing).files.is_empty());
    }

    #[test]
    fn a_name_is_certain_only_after_the_directory_was_synced() {
        let events = [
            Event::Create {
                name: "x".into(),
                file: 0,
            },
            Event::Rename {
                from: "x".into(),
                to: "y".into(),
            },
            Event::SyncDirectory,
        ];
        let mut cutter = Cutter::new(Image::default());
        cutter.step(&events[0], true);
        cutter.step(&events[1], true);
        assert!(cutter.cut(Choice::Nothing).names.is_empty());
        cutter.step(&events[2], true);
        assert!(cutter.cut(Choice::Nothing).names.contains_key("y"));
    }

    #[test]
    fn sectors_of_one_write_part_ways() {
        let data = vec![1; 3 * SECTOR];
        let event = write_at(100, &data);
        let mut cutter = Cutter::new(Image {
            files: vec![vec![0; 4 * SECTOR]],
            ..Image::default()
        });
        cutter.step(&event, true);
        let torn = (0..64).map(|seed| cutter.cut(Choice::Random(seed))).any(|image| {
            let content = &image.files[0];
            content[100] != content[SECTOR] && content[100..SECTOR].iter().all(|byte| *byte == content[100])
        });
        assert!(torn);
    }
}
