//! Torn and damaged pages: an opening or a read says `Corrupt`, or everything is as it was. Never a panic, never other
//! data.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::store::{Store, StoreSource};
use crate::tests::disk::{DiskPlace, SECTOR};
use crate::tests::dump::{Dump, dump};
use crate::tests::support::{accepted, delete, intent, keyed, on, still, wait};
use crate::{Journal, JournalError};

/// A store with some of everything: as it is after a clean close, or after a kill. And what it holds, before its last
/// commit and after it.
fn sample(clean: bool) -> (Vec<u8>, Vec<Dump>) {
    let place = DiskPlace::default();
    let journal = on(&place);
    for n in 0..20 {
        let id = format!("f{n}");
        let mut intent = if n % 3 == 0 {
            keyed(&id, &id, "print")
        } else {
            intent(&id)
        };
        intent.filename = "x".repeat(n * 100);
        wait(journal.begin(intent)).unwrap();
        if n % 2 == 0 {
            wait(journal.accepted(&id, accepted(&id))).unwrap();
        }
    }
    wait(journal.put_state("breaker", vec![7; 3_000])).unwrap();
    wait(journal.deleting(delete("gone"))).unwrap();
    let before = journal.snapshot(dump).unwrap();
    wait(journal.begin(intent("last"))).unwrap();
    let after = journal.snapshot(dump).unwrap();
    let content = |place: &DiskPlace| place.disk(|disk| disk.files[disk.names[crate::place::NAME]].clone());
    let killed = content(&place);
    wait(journal.close()).unwrap();
    (if clean { content(&place) } else { killed }, vec![before, after])
}

fn open(content: Vec<u8>) -> Result<(Store, Dump), JournalError> {
    let names = [(crate::place::NAME.to_owned(), 0)].into();
    let store = Store::open(StoreSource::StorePlace(Box::new(DiskPlace::with(names, vec![content]))))?;
    let found = store.read(dump)?;
    Ok((store, found))
}

/// Counts how often damage was reported, rolled back and without effect; panics on anything else.
fn damage(clean: bool, times: u64, mut hurt: impl FnMut(&mut Vec<u8>, &mut SmallRng)) -> (u32, u32, u32) {
    let (content, states) = sample(clean);
    let (mut reported, mut rolled_back, mut harmless) = (0, 0, 0);
    for seed in 0..times {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut damaged = content.clone();
        hurt(&mut damaged, &mut random);
        match open(damaged) {
            Err(JournalError::Corrupt { what }) => {
                assert!(!what.is_empty());
                reported += 1;
            }
            Err(other) => panic!("seed {seed}: {other:?}"),
            Ok((_, found)) if found == states[1] => harmless += 1,
            // One sync cannot tell damage to the very last commit before a kill from a torn one.
            Ok((store, found)) if !clean && store.rolled_back() && found == states[0] => rolled_back += 1,
            Ok(_) => panic!("seed {seed}: other data was accepted"),
        }
    }
    (reported, rolled_back, harmless)
}

fn flip(content: &mut [u8], random: &mut SmallRng) {
    let at = random.random_range(0..content.len());
    content[at] ^= 1 << random.random_range(0..8);
}

#[test]
fn a_flipped_bit_in_a_closed_store_is_reported_or_harmless() {
    let (reported, rolled_back, _) = damage(true, 1_500, |content, random| flip(content, random));
    assert!(reported > 100, "only {reported} of 1500 flips hit what counts");
    assert_eq!(rolled_back, 0);
}

#[test]
fn a_flipped_bit_in_a_killed_store_is_reported_rolled_back_or_harmless() {
    let (reported, ..) = damage(false, 1_500, |content, random| flip(content, random));
    assert!(reported > 100, "only {reported} of 1500 flips hit what counts");
}

#[test]
fn a_flipped_bit_in_the_header_is_reported_or_harmless() {
    for clean in [true, false] {
        damage(clean, 600, |content, random| flip(&mut content[..320], random));
    }
}

#[test]
fn lost_and_misplaced_sectors_are_reported_or_harmless() {
    let (reported, ..) = damage(true, 400, |content, random| {
        let sectors = content.len() / SECTOR;
        let [from, to] = [(); 2].map(|()| random.random_range(0..sectors) * SECTOR);
        if random.random() {
            content[to..to + SECTOR].fill(0);
        } else {
            content.copy_within(from..from + SECTOR, to);
        }
    });
    assert!(reported > 40, "only {reported} of 400");
}

#[test]
fn a_cut_off_store_is_reported() {
    let (_, _, harmless) = damage(true, 60, |content, random| {
        let keep = random.random_range(0..content.len());
        content.truncate(keep);
    });
    assert_eq!(harmless, 0);
}

#[test]
fn what_was_never_a_store_is_reported() {
    for content in [Vec::new(), b"not a store".to_vec(), vec![0; 100_000]] {
        let error = open(content).err().unwrap();
        assert!(matches!(error, JournalError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains("journal.redb aside"));
    }
}

/// Damage that appears while the journal is open, beneath pages that were verified already. Without the page
/// fingerprints redb would believe it, or panic in a destructor and take the host down.
#[test]
fn damage_while_open_is_reported_or_not_yet_seen() {
    let (content, states) = sample(true);
    let mut corrupt = 0;
    for seed in 0..200 {
        let names = [(crate::place::NAME.to_owned(), 0)].into();
        let place = DiskPlace::with(names, vec![content.clone()]);
        let journal = Journal::open_at(Box::new(place.clone()), still()).unwrap();
        let mut random = SmallRng::seed_from_u64(seed);
        let flips = 1 << random.random_range(0..12);
        place.disk(|disk| (0..flips).for_each(|_| flip(&mut disk.files[0][4096..], &mut random)));
        let mut errors = Vec::new();
        match journal.snapshot(dump) {
            Ok(found) => assert_eq!(found, states[1]),
            Err(error) => errors.push(error),
        }
        errors.extend(wait(journal.begin(intent("new"))).err());
        for error in &errors {
            assert!(
                matches!(error, JournalError::Corrupt { what } if what.contains("is not what was")),
                "{error:?}"
            );
        }
        if let Some(error) = errors.pop() {
            corrupt += 1;
            assert_eq!(
                wait(journal.begin(intent("newer"))),
                Err(error),
                "nothing is accepted any more"
            );
        }
    }
    assert!(corrupt > 50, "only {corrupt} of 200 were seen");
}
