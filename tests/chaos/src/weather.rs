//! What goes wrong, and when: transient faults all the time, and spells of worse.

use std::sync::Arc;

use loadlock_gateway::Clock;
use loadlock_policy::Millis;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

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

/// The faults of every request, as the fakes read them: one of each 20, of which 15 are transient faults and 5 slow answers.
/// Of the transient ones a third is a 5xx of each kind, the rest cut connections, lost answers and rate limits.
pub(crate) fn faults() -> Vec<Value> {
    let status = |status: u16| json!({ "answer": { "status": status } });
    let limited = |seconds: u32| json!({ "answer": { "status": 429, "headers": [["retry-after", seconds.to_string()]] } });
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
    /// It begins when so many uploads have begun.
    pub(crate) at: usize,
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
    /// Every upload is answered with 429 and told to wait for as long as the spell lasts.
    RateLimited,
}

impl Kind {
    /// Whether it is an outage.
    pub(crate) fn is_outage(self) -> bool {
        self != Self::RateLimited
    }

    fn order(self, lasts: u64) -> (Option<&'static str>, Value) {
        match self {
            Self::Unavailable => (None, json!({ "answer": { "status": 503 } })),
            Self::Cut => (None, json!("reset_before")),
            Self::RateLimited => {
                let seconds = (lasts / 1_000).to_string();
                let answer = json!({ "status": 429, "headers": [["retry-after", seconds]] });
                (Some("create"), json!({ "answer": answer }))
            }
        }
    }
}

/// One spell for so many uploads.
const UPLOADS_PER_SPELL: usize = 500;

/// Outages of one vendor at a time, both kinds, from one minute to three; in between rate limits of 10 to 20 s; in the middle one outage of both vendors.
pub(crate) fn forecast(seed: u64, uploads: usize) -> Vec<Spell> {
    let mut random = StdRng::seed_from_u64(seed ^ 0x5eed_5eed);
    let count = (uploads / UPLOADS_PER_SPELL).max(4);
    let gap = uploads / (count + 1);
    (0..count)
        .map(|index| {
            let at = gap * (index + 1) - gap / 2;
            let outage = random.random_range(60_000..180_000);
            let limit = random.random_range(10..=20) * 1_000;
            let hit = (index / 2) % 2;
            if index == count / 2 {
                Spell {
                    at,
                    lasts: outage,
                    kind: Kind::Unavailable,
                    hits: vec![0, 1],
                }
            } else {
                let kind = match index % 5 {
                    0 | 3 => Kind::Unavailable,
                    1 | 4 => Kind::Cut,
                    _ => Kind::RateLimited,
                };
                let lasts = if kind.is_outage() { outage } else { limit };
                Spell {
                    at,
                    lasts,
                    kind,
                    hits: vec![hit],
                }
            }
        })
        .collect()
}

/// A spell at one vendor, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Happened {
    pub(crate) provider: String,
    pub(crate) kind: Kind,
    /// Whether the other vendor was out too.
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

/// Makes the weather; `begun` counts uploads.
pub(crate) async fn make(
    spells: Vec<Spell>,
    vendors: [Arc<Vendor>; 2],
    clock: Clock,
    watch: Watch,
    mut begun: watch::Receiver<usize>,
) -> Result<Vec<Happened>, String> {
    let mut happened = Vec::new();
    for spell in spells {
        if begun.wait_for(|begun| *begun >= spell.at).await.is_err() {
            break;
        }
        let (operation, fault) = spell.kind.order(spell.lasts);
        let from = clock.now().get();
        for hit in &spell.hits {
            vendors[*hit].always(operation, &fault).await?;
        }
        tokio::time::sleep(clock.real(Millis(spell.lasts))).await;
        for hit in &spell.hits {
            vendors[*hit].lift().await?;
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
                both: spell.hits.len() > 1,
                from,
                until,
                closed,
            });
        }
    }
    Ok(happened)
}

/// When the breaker that an outage opened was closed again.
async fn closed(
    watch: &Watch,
    clock: &Clock,
    provider: &str,
    from: u64,
    until: u64,
) -> Result<Option<u64>, String> {
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
        let slow = all
            .iter()
            .filter(|fault| fault.get("delay").is_some())
            .count();
        assert_eq!((all.len(), slow), (20, 5));
        assert!((TRANSIENT / SLOW - 3.0).abs() < 1e-9);
    }

    #[test]
    fn every_kind_of_weather_comes() {
        for uploads in [5_000, 10_000, 50_000] {
            let forecast = forecast(1, uploads);
            assert!(forecast.iter().all(|spell| spell.at < uploads));
            assert!(forecast.windows(2).all(|two| two[0].at < two[1].at));
            for kind in [Kind::Unavailable, Kind::Cut, Kind::RateLimited] {
                assert!(forecast.iter().any(|spell| spell.kind == kind));
            }
            let both = forecast.iter().filter(|spell| spell.hits.len() == 2);
            assert_eq!(both.count(), 1);
            for vendor in [0, 1] {
                assert!(
                    forecast
                        .iter()
                        .any(|spell| spell.kind.is_outage() && spell.hits == [vendor])
                );
            }
        }
    }
}
