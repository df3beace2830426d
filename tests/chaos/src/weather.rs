//! What goes wrong, and when: transient faults all the time, and spells of worse.

use std::sync::Arc;

use loadlock_gateway::Clock;
use loadlock_policy::Millis;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::names::{Gone, Names};
use crate::vendor::Vendor;
use crate::watch::{Turn, Watch};

/// Part of all requests that meets a transient fault.
pub(crate) const TRANSIENT: f64 = 0.15;
/// Part that is answered slowly, on top of it.
pub(crate) const SLOW: f64 = 0.05;
/// How slowly, in real time: half a minute and more of policy's.
const SLOW_MS: u64 = 300;
/// Longest that a breaker is waited for after an outage: several times what it may take.
const PATIENCE: Millis = Millis::from_secs(600);

/// The faults of every request, as the fakes read them: one of each 20, of which 15 are transient faults and 5 slow
/// answers. Of the transient ones a third is a 5xx of each kind, the rest cut connections, lost answers and rate
/// limits.
pub(crate) fn faults() -> Vec<Value> {
    let status = |status: u16| json!({ "answer": { "status": status } });
    let limited =
        |seconds: u32| json!({ "answer": { "status": 429, "headers": [["retry-after", seconds.to_string()]] } });
    let mut all = Vec::new();
    for fault in [
        status(500),
        status(502),
        status(503),
        status(529),
        json!("reset_before"),
    ] {
        all.extend([fault.clone(), fault]);
    }
    all.push(json!({ "reset_middle": { "after_bytes": 64 } }));
    all.extend([json!("reset_after"), json!("reset_in_answer")]);
    all.extend([limited(1), limited(3)]);
    let slow = json!({ "delay": { "ms": SLOW_MS } });
    // 15 are listed above; the slow ones stand to them as 5 to 15.
    all.extend(std::iter::repeat_n(slow, 5));
    all
}

/// Something that is worse than transient faults.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spell {
    /// Milliseconds of policy's clock.
    pub(crate) lasts: u64,
    pub(crate) kind: Kind,
    /// Indices of the vendors that it hits.
    pub(crate) hits: Vec<usize>,
}

/// What a spell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Every request is answered with 503.
    Unavailable,
    /// Every connection is cut.
    Cut,
    /// The vendor has stopped: its port refuses connections. Afterwards it starts again.
    Stopped,
    /// Nothing answers at its port.
    BlackHole,
    /// Its name does not exist.
    NameGone,
    /// Nobody answers what its address is.
    NameSilent,
    /// Every upload is answered with 429 and told to wait for as long as the spell lasts.
    RateLimited,
}

impl Kind {
    /// Whether it is an outage.
    pub(crate) fn is_outage(self) -> bool {
        self != Self::RateLimited
    }

    /// It begins at this vendor.
    async fn begin(self, lasts: u64, vendor: &Vendor, names: &Names) -> Result<(), String> {
        match self {
            Self::Unavailable => {
                let fault = json!({ "answer": { "status": 503 } });
                vendor.always(None, &fault).await
            }
            Self::Cut => vendor.always(None, &json!("reset_before")).await,
            Self::RateLimited => {
                let seconds = (lasts / 1_000).to_string();
                let answer = json!({ "status": 429, "headers": [["retry-after", seconds]] });
                vendor.always(Some("create"), &json!({ "answer": answer })).await
            }
            Self::Stopped => vendor.be("refusing").await,
            Self::BlackHole => vendor.be("black_hole").await,
            // A connection that is open needs no name, so those are closed.
            Self::NameGone | Self::NameSilent => {
                let gone = if self == Self::NameGone {
                    Gone::Unknown
                } else {
                    Gone::Silent
                };
                names.set(vendor.name, Some(gone));
                vendor.be("there").await
            }
        }
    }

    /// It ends there.
    async fn end(self, vendor: &Vendor, names: &Names) -> Result<(), String> {
        match self {
            Self::Unavailable | Self::Cut | Self::RateLimited => vendor.lift().await,
            Self::Stopped | Self::BlackHole => vendor.be("there").await,
            Self::NameGone | Self::NameSilent => {
                names.set(vendor.name, None);
                Ok(())
            }
        }
    }
}

/// Vendors that `auto` goes to, the first ones.
pub(crate) const ROUTED: usize = 2;

/// The spells of a seed, one after another without end: outages of every kind, from one minute to three, of one vendor
/// that `auto` goes to and one that it does not; in between rate limits of 10 to 20 s; and of each ten one outage of
/// all vendors. Four of them have something of each.
pub(crate) fn forecast(seed: u64) -> impl Iterator<Item = Spell> + Send {
    let mut random = StdRng::seed_from_u64(seed ^ 0x5eed_5eed);
    (0_usize..).map(move |index| {
        let outage = random.random_range(60_000..180_000);
        let limit = random.random_range(10..=20) * 1_000;
        let kind = match index % 10 {
            0 | 8 => Kind::Unavailable,
            1 | 6 => Kind::Cut,
            2 | 7 => Kind::RateLimited,
            3 => Kind::Stopped,
            4 => Kind::NameGone,
            5 => Kind::BlackHole,
            _ => Kind::NameSilent,
        };
        let hits = match index % 10 {
            3 => vec![0, 1, 2, 3],
            _ => vec![(index / 2) % 2, ROUTED + (index / 2) % 2],
        };
        let lasts = if kind.is_outage() { outage } else { limit };
        Spell { lasts, kind, hits }
    })
}

/// A spell at one vendor, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Happened {
    pub(crate) provider: String,
    pub(crate) kind: Kind,
    /// Whether `auto` goes to this vendor.
    pub(crate) routed: bool,
    /// Whether the other one that `auto` goes to was out too.
    pub(crate) both: bool,
    /// Milliseconds of policy's clock.
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// When the breaker was closed again after an outage; absent if it never opened.
    pub(crate) closed: Option<u64>,
}

impl Happened {
    /// Whether something that went on from `start` to `end` met it, or a breaker that it had opened.
    pub(crate) fn overlaps(&self, start: u64, end: u64) -> bool {
        start <= self.closed.unwrap_or(self.until).max(self.until) && end >= self.from
    }
}

/// Makes the weather as long as there are uploads, which `begun` counts. Between one spell and the next `fair` of them
/// begin: how many an outage meets depends on the machine, how many meet none must not.
pub(crate) async fn make(
    spells: impl Iterator<Item = Spell>,
    fair: usize,
    vendors: [Arc<Vendor>; 4],
    names: Names,
    clock: Clock,
    watch: Watch,
    mut begun: watch::Receiver<usize>,
) -> Result<Vec<Happened>, String> {
    let mut happened = Vec::new();
    for spell in spells {
        let next = *begun.borrow() + fair;
        if begun.wait_for(|begun| *begun >= next).await.is_err() {
            break;
        }
        let from = clock.now().get();
        for hit in &spell.hits {
            spell.kind.begin(spell.lasts, &vendors[*hit], &names).await?;
        }
        tokio::time::sleep(clock.real(Millis(spell.lasts))).await;
        for hit in &spell.hits {
            spell.kind.end(&vendors[*hit], &names).await?;
        }
        let until = clock.now().get();
        for hit in &spell.hits {
            let provider = vendors[*hit].name;
            let closed = if spell.kind.is_outage() {
                closed(&watch, &clock, provider, from, until).await?
            } else {
                None
            };
            happened.push(Happened {
                provider: provider.to_owned(),
                kind: spell.kind,
                routed: *hit < ROUTED,
                both: (0..ROUTED).all(|routed| spell.hits.contains(&routed)),
                from,
                until,
                closed,
            });
        }
    }
    Ok(happened)
}

/// When the breaker that an outage opened was closed again.
async fn closed(watch: &Watch, clock: &Clock, provider: &str, from: u64, until: u64) -> Result<Option<u64>, String> {
    let opened = watch
        .seen()
        .iter()
        .any(|seen| seen.provider == provider && seen.turn == Turn::Opened && seen.at >= from);
    if !opened {
        return Ok(None);
    }
    let found = watch.until(|seen| {
        seen.iter()
            .find(|seen| seen.provider == provider && seen.turn == Turn::Closed && seen.at >= until)
            .map(|seen| seen.at)
    });
    match tokio::time::timeout(clock.real(PATIENCE), found).await {
        Ok(at) => Ok(at),
        Err(_) => Err(format!(
            "the breaker of {provider} did not close within {PATIENCE} after an outage"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_is_what_it_says() {
        let all = faults();
        let slow = all.iter().filter(|fault| fault.get("delay").is_some()).count();
        assert_eq!((all.len(), slow), (20, 5));
        assert!((TRANSIENT / SLOW - 3.0).abs() < 1e-9);
    }

    #[test]
    fn every_kind_of_weather_comes_again_and_again() {
        let first: Vec<Spell> = forecast(1).take(40).collect();
        assert_eq!(first, forecast(1).take(40).collect::<Vec<_>>());
        assert_ne!(first, forecast(2).take(40).collect::<Vec<_>>());
        for ten in first.chunks(10) {
            let both = ten.iter().filter(|spell| spell.hits == [0, 1, 2, 3]);
            assert_eq!(both.count(), 1);
        }
        let limits = |spell: &&Spell| spell.kind == Kind::RateLimited;
        let outages = |spell: &&Spell| spell.kind.is_outage();
        for vendor in 0..4 {
            let of_it = |spell: &&Spell| spell.hits.len() == 2 && spell.hits.contains(&vendor);
            assert!(first.iter().filter(of_it).any(|spell| limits(&spell)));
            assert!(first.iter().filter(of_it).any(|spell| outages(&spell)));
        }
        assert!(first[..4].iter().any(|spell| limits(&spell)));
        assert!(first[..4].iter().any(|spell| spell.hits == [0, 1, 2, 3]));
    }
}
