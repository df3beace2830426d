//! From an admitted file to a route.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use loadlock_policy::breaker::Admission;
use loadlock_policy::counted;
use loadlock_policy::quota::Usage;
use loadlock_policy::routing::{
    Candidate, NoRoute, Reason, Refused, Route, RouteRequest, SizeThreshold, Verdict, check_threshold, route,
};

use loadlock_sandbox::tracker::AccountUsage;

use crate::admission::AdmittedFile;
use crate::error::{Error, ErrorCode, Result};
use crate::files::answered;
use crate::gateway::Inner;
use crate::request::Target;
use crate::setup::ProviderUnit;

/// Whether health and quota count: they do for sending, they do not for finding what was stored before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    Sending,
    Finding,
}

/// How often the ledger is read until no record arrives there meanwhile: one that does may be missed or counted twice.
const READINGS: u32 = 3;

/// What each account holds, by account and purpose.
pub(crate) type Usages = BTreeMap<String, BTreeMap<String, Usage>>;

impl Inner {
    /// Routes a file. Every provider that is not eligible has a reason.
    pub(crate) fn route(
        &self,
        file: &AdmittedFile,
        target: &Target,
        purpose: Option<&str>,
        usages: &Usages,
        strictness: Strictness,
    ) -> std::result::Result<Route, NoRoute> {
        let pinned = match target {
            Target::Auto => None,
            Target::Pinned(name) => Some(name.as_str()),
        };
        let now = self.clock.now();
        let empty = BTreeMap::new();
        let mut route_of_all: Option<Route> = None;
        let mut refused: Vec<Refused> = Vec::new();
        // Providers may know the purpose by another word, so each group of equal words is routed together.
        let mut groups: Vec<(Option<&str>, Vec<&ProviderUnit>)> = Vec::new();
        for unit in &self.providers {
            if pinned.is_none() && unit.order.is_none() {
                continue;
            }
            // Who names a provider is told by the denial itself. Nobody else's file is to fail for it.
            if strictness == Strictness::Sending
                && pinned.is_none()
                && let Some(why) = &unit.blocked
            {
                refused.push(Refused {
                    name: unit.name.clone(),
                    reason: Reason::Blocked(why.clone()),
                });
                continue;
            }
            let word = purpose.map(|asked| unit.purposes.get(asked).map_or(asked, String::as_str));
            match groups.iter_mut().find(|(name, _)| *name == word) {
                Some((_, units)) => units.push(unit),
                None => groups.push((word, vec![unit])),
            }
        }
        if groups.is_empty() && refused.is_empty() {
            groups.push((purpose, Vec::new()));
        }
        let several = groups.len() > 1;
        let threshold = self.size_threshold();
        for (word, units) in groups {
            let candidates: Vec<Candidate<'_>> = units
                .iter()
                .map(|unit| Candidate {
                    name: &unit.name,
                    profile: &unit.profile,
                    order: unit.order.unwrap_or(u32::MAX),
                    granted: file.granted_to(&unit.name),
                    health: match strictness {
                        Strictness::Finding => Admission::Ready,
                        Strictness::Sending => unit
                            .breaker
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .eligibility(&unit.breaker_policy(), now),
                    },
                    in_flight: unit.in_flight.load(Ordering::Relaxed),
                    used: match strictness {
                        Strictness::Finding => &empty,
                        Strictness::Sending => usages.get(&unit.account).unwrap_or(&empty),
                    },
                })
                .collect();
            let request = RouteRequest {
                size: file.size(),
                media_type: file.media_type(),
                extension: file.extension(),
                purpose: word,
                pinned,
            };
            match route(&request, &candidates, threshold.as_ref()) {
                Ok(found) => match &mut route_of_all {
                    None => route_of_all = Some(found),
                    Some(all) => {
                        all.ranked.extend(found.ranked);
                        all.refused.extend(found.refused);
                    }
                },
                Err(none) => refused.extend(none.refused),
            }
        }
        match route_of_all {
            Some(mut found) => {
                found.refused.extend(refused);
                // Within one group policy has ranked already: by health, threshold, order and load.
                if several {
                    let preferred = threshold.as_ref().map(|threshold| threshold.prefers(file.size()));
                    found.ranked.sort_by_key(|ranked| {
                        let order = self.provider(&ranked.name).ok().and_then(|unit| unit.order);
                        (preferred != Some(ranked.name.as_str()), order)
                    });
                }
                Ok(found)
            }
            None => {
                // A group that does not hold the pinned provider calls it unknown; one that does knows better.
                if let Some(name) = pinned
                    && refused.iter().any(|r| r.name == name && r.reason != Reason::Unknown)
                {
                    refused.retain(|r| r.reason != Reason::Unknown);
                }
                refused.dedup_by(|a, b| a.name == b.name && a.reason == b.reason);
                Err(NoRoute {
                    pinned: pinned.map(str::to_owned),
                    refused,
                })
            }
        }
    }

    /// The predecessor's single threshold: small files to the first of the order, larger ones to the second.
    fn size_threshold(&self) -> Option<SizeThreshold> {
        let (size, _) = self.config.size_threshold.as_ref()?;
        match self.config.order.as_slice() {
            [first, second, ..] => Some(SizeThreshold {
                bytes: size.0,
                at_most: first.clone(),
                above: second.clone(),
            }),
            _ => None,
        }
    }

    /// Refuses a threshold that would choose a provider for files that it cannot take.
    pub(crate) fn check_threshold(&self) -> Result<()> {
        let (Some(threshold), Some((_, origin))) = (self.size_threshold(), &self.config.size_threshold) else {
            return Ok(());
        };
        let nothing = BTreeMap::new();
        let candidates: Vec<Candidate<'_>> = self
            .providers
            .iter()
            .map(|unit| Candidate {
                name: &unit.name,
                profile: &unit.profile,
                order: unit.order.unwrap_or(u32::MAX),
                granted: true,
                health: Admission::Ready,
                in_flight: 0,
                used: &nothing,
            })
            .collect();
        check_threshold(&threshold, &candidates).map_err(|error| {
            Error::new(ErrorCode::ConfigInvalid, format!("{origin}: {error}"))
                .hint("remove `router.size_threshold`, or change the first two of `order`")
        })
    }

    /// What every account holds. A tracker that cannot answer leaves quotas to the vendor, who checks them too.
    pub(crate) async fn usages(&self) -> Usages {
        let limited = self.providers.iter().any(|unit| {
            unit.profile
                .purposes
                .iter()
                .any(|purpose| purpose.max_count.is_some() || purpose.max_total_bytes.is_some())
        });
        if !limited {
            return Usages::new();
        }
        let mut usages = Usages::new();
        for _ in 0..READINGS {
            let arrived = self.on_the_way.arrived();
            usages = match answered(self.tracker.usage().await) {
                Ok(rows) => by_account(rows),
                Err(error) => {
                    tracing::warn!(%error, "the tracker gives no usage; quotas are the vendor's alone");
                    return Usages::new();
                }
            };
            self.on_the_way.each(|waiting| {
                if waiting.stored {
                    let account = usages.entry(waiting.account.clone()).or_default();
                    let usage = account.entry(waiting.purpose.clone()).or_default();
                    usage.count = usage.count.saturating_add(1);
                    usage.bytes = usage.bytes.saturating_add(waiting.bytes);
                }
            });
            if self.on_the_way.arrived() == arrived {
                break;
            }
        }
        usages
    }
}

fn by_account(rows: Vec<AccountUsage>) -> Usages {
    let mut usages = Usages::new();
    for row in rows {
        let usage = Usage {
            count: row.remotes,
            bytes: row.bytes,
        };
        usages.entry(row.account).or_default().insert(row.purpose, usage);
    }
    usages
}

/// No route, as a user reads it.
pub(crate) fn no_route(none: &NoRoute, file: &AdmittedFile) -> Error {
    let (code, hint) = match none.verdict() {
        Verdict::NoSuchProvider => (ErrorCode::ProviderUnknown, "`loadlock providers ls` lists the names"),
        Verdict::NotGranted => (
            ErrorCode::PathNotAllowed,
            "name the provider in the grant's `providers`, or send the bytes",
        ),
        Verdict::Blocked => (
            ErrorCode::EgressDenied,
            "add the line that the message names, if the provider may send there; `loadlock config check` shows all",
        ),
        Verdict::NoSuchPurpose => (
            ErrorCode::PurposeUnsupported,
            "leave the purpose out, or choose one that the message names",
        ),
        Verdict::TooLarge => (
            ErrorCode::FileTooLarge,
            "split the file, or configure a provider with a larger limit",
        ),
        Verdict::NotAccepted | Verdict::QuotaExhausted | Verdict::Unavailable { .. } => (
            ErrorCode::NoProviderAvailable,
            "`loadlock route FILE` shows each provider's reason",
        ),
    };
    Error::new(
        code,
        format!(
            "{} ({}, {}): {none}",
            file.name(),
            counted(file.size(), "byte"),
            file.media_type()
        ),
    )
    .hint(hint)
}

/// The units of a route, in its order.
pub(crate) fn legs<'a>(inner: &'a Inner, route: &Route) -> Result<Vec<(&'a ProviderUnit, String)>> {
    route
        .ranked
        .iter()
        .map(|ranked| Ok((inner.provider(&ranked.name)?, ranked.purpose.clone())))
        .collect()
}
