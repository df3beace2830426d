//! What is uploaded: made from the seed alone, so that two runs of one seed upload the same bytes in the same order.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

/// How far back the content of an upload may be repeated: near enough that both are often under way at once.
const REPEAT_WITHIN: usize = 40;

/// Where an upload goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Aim {
    /// The gateway chooses between the first two vendors.
    Auto,
    /// The named vendor and no other.
    Pinned(&'static str),
    /// The disk, pinned; no fault is injected there.
    Local,
}

/// How the bytes reach the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// As a request body, through the spool.
    Body,
    /// As a request body that is sent on while it arrives.
    Arriving,
    /// As a path beneath a grant.
    Path,
}

/// Bytes and what a vendor makes of them. The same number is the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    number: u64,
    /// Size.
    pub(crate) bytes: usize,
    /// Of the file name; vendors treat equal bytes by it.
    pub(crate) extension: &'static str,
}

impl Content {
    /// Text, so that every vendor and the validator take it.
    pub(crate) fn generate(&self) -> Vec<u8> {
        let mut random = StdRng::seed_from_u64(self.number);
        let mut text = Vec::with_capacity(self.bytes);
        while text.len() < self.bytes {
            let word = random.random::<u64>().to_le_bytes();
            text.extend(word.iter().map(|byte| match byte % 32 {
                letter @ 0..26 => b'a' + letter,
                _ => b' ',
            }));
        }
        text.truncate(self.bytes);
        text
    }
}

/// SHA-256, hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// One upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Counts from 0.
    pub(crate) index: usize,
    pub(crate) aim: Aim,
    pub(crate) by: By,
    pub(crate) content: Content,
    /// Whether the file is deleted again, some uploads later.
    pub(crate) delete: bool,
}

/// Half to `auto`, a twentieth to the disk, the rest pinned to one vendor or another, most of them to the two that
/// `auto` has; a tenth repeats a content, a sixth is deleted.
pub(crate) fn plan(seed: u64, uploads: usize, vendors: [&'static str; 4]) -> Vec<Planned> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut plan: Vec<Planned> = Vec::with_capacity(uploads);
    for index in 0..uploads {
        let aim = match random.random_range(0..100) {
            0..50 => Aim::Auto,
            50..65 => Aim::Pinned(vendors[0]),
            65..79 => Aim::Pinned(vendors[1]),
            79..87 => Aim::Pinned(vendors[2]),
            87..95 => Aim::Pinned(vendors[3]),
            _ => Aim::Local,
        };
        let by = match random.random_bool(0.5) {
            true if index % 2 == 0 => By::Arriving,
            true => By::Body,
            false => By::Path,
        };
        let fresh = Content {
            number: random.random(),
            bytes: size(&mut random),
            extension: ["txt", "md", "log"][random.random_range(0..3)],
        };
        let repeated = random.random_bool(0.1);
        let back = random.random_range(1..=REPEAT_WITHIN);
        let earlier = index.checked_sub(back).and_then(|at| plan.get(at));
        let content = match earlier {
            Some(earlier) if repeated => earlier.content,
            _ => fresh,
        };
        plan.push(Planned {
            index,
            aim,
            by,
            content,
            delete: random.random_range(0..6) == 0,
        });
    }
    plan
}

/// Mostly small, as files are; one in a hundred has 1 MiB.
fn size(random: &mut StdRng) -> usize {
    match random.random_range(0..100) {
        0..5 => random.random_range(1..=4),
        5..60 => random.random_range(5..=2 << 10),
        60..90 => random.random_range(2 << 10..=64 << 10),
        90..99 => random.random_range(64 << 10..=512 << 10),
        _ => 1 << 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_plan() {
        let one = plan(7, 2_000, ["a", "b", "c", "d"]);
        assert_eq!(one, plan(7, 2_000, ["a", "b", "c", "d"]));
        assert_ne!(one, plan(8, 2_000, ["a", "b", "c", "d"]));
        assert_eq!(one[5].content.generate(), one[5].content.generate());
        assert!(one.iter().any(|upload| upload.content.bytes == 1));
        assert!(one.iter().any(|upload| upload.content.bytes == 1 << 20));
        let auto = one.iter().filter(|upload| upload.aim == Aim::Auto).count();
        assert!((900..1_100).contains(&auto), "{auto}");
        let repeated = one
            .iter()
            .filter(|upload| {
                one[..upload.index]
                    .iter()
                    .any(|earlier| earlier.content == upload.content)
            })
            .count();
        assert!((150..250).contains(&repeated), "{repeated}");
    }
}
