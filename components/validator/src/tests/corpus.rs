//! The corpus of the world: no false refusal, no secret that gets through, and the type that a person expects.

use loadlock_policy::container::{Search, Step};
use loadlock_samples::{Sample, Verdict};

use super::support::*;

/// As the host asks: the first bytes, then what it finds of a table of contents.
fn judge(sample: &Sample) -> Result<String, String> {
    let mut candidate = candidate(sample.name, &sample.bytes);
    candidate.head.truncate(8192);
    let mut step = Search::begin(&candidate.head, candidate.size);
    while let Step::Read(range, search) = step {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        step = search.found(&sample.bytes[range]);
    }
    if let Step::Done(contents) = step {
        candidate.head.extend(contents);
    }
    outcome(candidate, rules())
}

#[test]
fn every_sample_gets_the_verdict_that_a_person_expects() {
    let samples = loadlock_samples::all();
    assert!(samples.len() >= 150);
    let wrong: Vec<String> = samples
        .iter()
        .filter_map(|sample| {
            let verdict = judge(sample);
            let expected = match sample.verdict {
                Verdict::Type(media) => Ok(media.to_owned()),
                Verdict::Refused(code) => Err(code.to_owned()),
            };
            let start = String::from_utf8_lossy(&sample.bytes[..sample.bytes.len().min(24)]).into_owned();
            (verdict != expected).then(|| format!("{} {start:?}: {verdict:?}, expected {expected:?}", sample.name))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        samples.len(),
        wrong.join("\n")
    );
}

#[test]
fn without_its_table_of_contents_a_container_is_called_by_its_extension() {
    // So does a host that sends the first bytes alone.
    for sample in loadlock_samples::all() {
        let mut candidate = candidate(sample.name, &sample.bytes);
        candidate.head.truncate(8192);
        let is_container = [&b"\xD0\xCF\x11\xE0"[..], b"PK\x03\x04"]
            .iter()
            .any(|start| candidate.head.starts_with(start));
        if is_container && let Verdict::Type(_) = sample.verdict {
            assert!(outcome(candidate, rules()).is_ok(), "{}", sample.name);
        }
    }
}
