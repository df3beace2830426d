//! Every order in which the calls of a small trial can end.

use super::{CallEnd, Trial, TrialPolicy, TrialStep};

const ENDS: [CallEnd; 3] = [CallEnd::Well, CallEnd::Bad, CallEnd::Neutral];

/// All sequences of `length` ends, one after the other.
fn sequences(length: u32) -> impl Iterator<Item = Vec<CallEnd>> {
    (0..3usize.pow(length)).map(move |mut number| {
        let mut ends = Vec::new();
        for _ in 0..length {
            ends.push(ENDS[number % 3]);
            number /= 3;
        }
        ends
    })
}

/// What the policy says in words: the first call after which enough were bad, and too many of those so far, ends it
/// badly; the last one that is watched ends it well.
fn expected(policy: TrialPolicy, ends: &[CallEnd]) -> Option<(usize, TrialStep)> {
    let (mut bad, mut ended) = (0, 0);
    for (index, end) in ends.iter().enumerate() {
        match end {
            CallEnd::Neutral => continue,
            CallEnd::Bad => bad += 1,
            CallEnd::Well => {}
        }
        ended += 1;
        if bad >= policy.least && f64::from(bad) / f64::from(ended) > f64::from(policy.percent) / 100.0 {
            return Some((index, TrialStep::Failed));
        }
        if ended == policy.calls {
            return Some((index, TrialStep::Passed));
        }
    }
    None
}

#[test]
fn a_trial_ends_once_and_as_the_policy_says_in_every_order_of_calls() {
    for calls in 1..=5 {
        for least in 1..=3 {
            for percent in [0, 25, 50, 99] {
                let policy = TrialPolicy { calls, least, percent };
                for ends in sequences(7) {
                    let mut trial = Trial::new(policy);
                    let mut found = None;
                    for (index, end) in ends.iter().enumerate() {
                        let step = trial.on(*end);
                        if step != TrialStep::Goes {
                            assert_eq!(found, None, "{policy:?} {ends:?}");
                            found = Some((index, step));
                        }
                    }
                    assert_eq!(found, expected(policy, &ends), "{policy:?} {ends:?}");
                }
            }
        }
    }
}

#[test]
fn what_says_nothing_about_the_component_changes_nothing() {
    for ends in sequences(6) {
        let judged: Vec<CallEnd> = ends.iter().copied().filter(|end| *end != CallEnd::Neutral).collect();
        let run = |ends: &[CallEnd]| {
            let mut trial = Trial::new(TrialPolicy::default());
            for end in ends {
                let _ = trial.on(*end);
            }
            trial
        };
        assert_eq!(run(&ends), run(&judged));
    }
}

#[test]
fn a_generation_that_always_fails_gives_way_after_the_second_call_and_one_that_never_does_stays() {
    let policy = TrialPolicy::default();
    let mut bad = Trial::new(policy);
    assert_eq!(
        [bad.on(CallEnd::Bad), bad.on(CallEnd::Bad)],
        [TrialStep::Goes, TrialStep::Failed]
    );
    let mut good = Trial::new(policy);
    for _ in 1..policy.calls {
        assert_eq!(good.on(CallEnd::Well), TrialStep::Goes);
    }
    assert_eq!(good.on(CallEnd::Well), TrialStep::Passed);
    // From here on it is as settled as any other.
    for _ in 0..policy.calls {
        assert_eq!(good.on(CallEnd::Bad), TrialStep::Goes);
    }
    assert_eq!(good.counted(), (policy.calls, 0));
}
