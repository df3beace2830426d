//! From an admitted file to a route.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use loadlock_config::Config;
use loadlock_policy::breaker::Admission;
use loadlock_policy::counted;
use loadlock_policy::model::PurposeProfile;
use loadlock_policy::quota::Usage;
use loadlock_policy::routing::{
    Candidate, NoRoute, Reason, Refused, Route, RouteRequest, SizeThreshold, Verdict, check_threshold, route,
};

use loadlock_sandbox::tracker::AccountUsage;

use crate::admission::AdmittedFile;
use crate::api::request::Target;
use crate::error::{Error, ErrorCode, Result, answered};
use crate::state::gateway::GatewayState;
use crate::state::last_usages::{Usages, add};
use crate::state::provider::ProviderUnit;
use crate::state::providers::ProviderSet;

/// How often the ledger is read until no record arrives there meanwhile: one that does may be missed or counted twice.
const READINGS: u32 = 3;

/// A provider of a route, and the vendor's purpose there.
#[derive(Clone)]
pub(crate) struct RouteLeg {
    pub(crate) unit: Arc<ProviderUnit>,
    pub(crate) purpose: String,
}

/// What routing looks at of a file.
#[derive(Clone, Copy)]
pub(crate) struct FileShape<'a> {
    pub(crate) name: &'a str,
    pub(crate) size: u64,
    pub(crate) media_type: &'a str,
    pub(crate) extension: &'a str,
    /// The file itself, whose grants may name providers; one that is only announced will be a body, which has none.
    pub(crate) admitted: Option<&'a AdmittedFile>,
}

impl<'a> From<&'a AdmittedFile> for FileShape<'a> {
    fn from(file: &'a AdmittedFile) -> Self {
        Self {
            name: file.name(),
            size: file.size(),
            media_type: file.media_type(),
            extension: file.extension(),
            admitted: Some(file),
        }
    }
}

/// The routes of one file. What never changes is put together once; health and quota are looked at when it is sent.
pub(crate) struct Routing<'a> {
    state: &'a GatewayState,
    /// The providers when it was put together.
    set: Arc<ProviderSet>,
    file: FileShape<'a>,
    pinned: Option<&'a str>,
    /// Providers may know the purpose by another word, so each group of equal words is routed together.
    groups: Vec<(Option<String>, Vec<Arc<ProviderUnit>>)>,
    threshold: Option<SizeThreshold>,
}

impl<'a> Routing<'a> {
    pub(crate) fn new(
        state: &'a GatewayState,
        config: &Config,
        file: FileShape<'a>,
        target: &'a Target,
        purpose: Option<&str>,
    ) -> Self {
        let pinned = match target {
            Target::Auto => None,
            Target::Pinned(name) => Some(name.as_str()),
        };
        let set = state.providers.now();
        let mut groups: Vec<(Option<String>, Vec<Arc<ProviderUnit>>)> = Vec::new();
        for unit in &set.units {
            if pinned.is_none() && unit.order().is_none() {
                continue;
            }
            let word = purpose.map(|asked| unit.purposes.get(asked).map_or(asked, String::as_str).to_owned());
            match groups.iter_mut().find(|(name, _)| *name == word) {
                Some((_, units)) => units.push(unit.clone()),
                None => groups.push((word, vec![unit.clone()])),
            }
        }
        if groups.is_empty() {
            groups.push((purpose.map(str::to_owned), Vec::new()));
        }
        Self {
            state,
            set,
            file,
            pinned,
            groups,
            threshold: size_threshold(config),
        }
    }

    /// Where it may have been stored before, the best first. Health and quota do not count.
    ///
    /// # Errors
    /// Why no provider takes it.
    pub(crate) fn findable(&self) -> Result<Vec<RouteLeg>> {
        let route = self.route(None).map_err(|none| no_route(&none, &self.file))?;
        self.legs(&route)
    }

    /// Where it can be sent now, the best first.
    ///
    /// # Errors
    /// Why no provider takes it now.
    pub(crate) async fn sendable(&self) -> Result<Vec<RouteLeg>> {
        let file = &self.file;
        let route = self.decide().await.map_err(|none| no_route(&none, file))?;
        let mut legs = self.legs(&route)?;
        legs.retain(|leg| file.size <= leg.unit.max_upload_bytes);
        if legs.is_empty() {
            return Err(Error::new(
                ErrorCode::FileTooLarge,
                format!(
                    "{} has {}, more than the configured limit of every provider that could take it",
                    file.name,
                    counted(file.size, "byte")
                ),
            ));
        }
        Ok(legs)
    }

    /// What policy says now. Every provider that is not eligible has a reason.
    pub(crate) async fn decide(&self) -> Result<Route, NoRoute> {
        let decided = self.route(Some(&self.state.usages().await));
        if decided.is_ok() || !self.state.peers.look_with_lease() {
            return decided;
        }
        // What it goes by may be some seconds old: nothing is refused for that.
        self.state.ledger.usages.forget();
        self.route(Some(&self.state.usages().await))
    }

    /// Those that can send something. Who names a provider is told by the denial itself; nobody else's file is to fail
    /// for it, and what was stored is found all the same.
    fn unblocked(
        &self,
        units: &[Arc<ProviderUnit>],
        sending: bool,
        refused: &mut Vec<Refused>,
    ) -> Vec<Arc<ProviderUnit>> {
        let mut left = Vec::with_capacity(units.len());
        for unit in units {
            match &unit.blocked {
                Some(why) if sending && self.pinned.is_none() => refused.push(Refused {
                    name: unit.name.clone(),
                    reason: Reason::Blocked(why.clone()),
                }),
                _ => left.push(unit.clone()),
            }
        }
        left
    }

    /// By what the accounts hold and by health, or by neither.
    fn route(&self, usages: Option<&Usages>) -> Result<Route, NoRoute> {
        let mut found: Option<Route> = None;
        let mut refused = self.out_of_service();
        for (word, units) in &self.groups {
            let before = refused.len();
            let units = self.unblocked(units, usages.is_some(), &mut refused);
            if units.is_empty() && refused.len() > before {
                continue;
            }
            let request = RouteRequest {
                size: self.file.size,
                media_type: self.file.media_type,
                extension: self.file.extension,
                purpose: word.as_deref(),
                pinned: self.pinned,
            };
            match route(&request, &self.candidates(&units, usages), self.threshold.as_ref()) {
                Ok(more) => match &mut found {
                    None => found = Some(more),
                    Some(all) => {
                        all.ranked.extend(more.ranked);
                        all.refused.extend(more.refused);
                    }
                },
                Err(none) => refused.extend(none.refused),
            }
        }
        match found {
            Some(mut found) => {
                found.refused.extend(refused);
                self.rank(&mut found);
                Ok(found)
            }
            None => Err(self.none(refused)),
        }
    }

    /// Those that could not be made ready and would be asked.
    fn out_of_service(&self) -> Vec<Refused> {
        let out = self.set.out_of_service.iter();
        let asked = out.filter(|one| self.pinned.map_or(one.order.is_some(), |name| name == one.name));
        let refused = asked.map(|one| Refused {
            name: one.name.clone(),
            reason: Reason::OutOfService,
        });
        refused.collect()
    }

    fn candidates<'b>(&self, units: &'b [Arc<ProviderUnit>], usages: Option<&'b Usages>) -> Vec<Candidate<'b>> {
        let now = self.state.clock.now();
        units
            .iter()
            .map(|unit| Candidate {
                name: &unit.name,
                profile: &unit.profile,
                order: unit.order().unwrap_or(u32::MAX),
                granted: self.file.admitted.is_none_or(|file| file.granted_to(&unit.name)),
                health: match usages {
                    None => Admission::Ready,
                    Some(_) => unit.eligibility(now),
                },
                in_flight: unit.health.in_flight.load(Ordering::Relaxed),
                used: usages.and_then(|usages| usages.get(&unit.account)).unwrap_or(&NOTHING),
            })
            .collect()
    }

    /// Puts several groups into one order. Within one group policy has ranked already: by health, threshold, order and
    /// load.
    fn rank(&self, found: &mut Route) {
        if self.groups.len() < 2 {
            return;
        }
        let preferred = self
            .threshold
            .as_ref()
            .map(|threshold| threshold.prefers(self.file.size));
        found.ranked.sort_by_key(|ranked| {
            let order = self.unit(&ranked.name).and_then(|unit| unit.order());
            (preferred != Some(ranked.name.as_str()), order)
        });
    }

    fn none(&self, mut refused: Vec<Refused>) -> NoRoute {
        // A group that does not hold the pinned provider calls it unknown; one that does knows better.
        if let Some(name) = self.pinned
            && refused.iter().any(|r| r.name == name && r.reason != Reason::Unknown)
        {
            refused.retain(|r| r.reason != Reason::Unknown);
        }
        refused.dedup_by(|a, b| a.name == b.name && a.reason == b.reason);
        NoRoute {
            pinned: self.pinned.map(str::to_owned),
            refused,
        }
    }

    /// The units of a route, in its order.
    fn legs(&self, route: &Route) -> Result<Vec<RouteLeg>> {
        let legs = route.ranked.iter().map(|ranked| {
            let unit = self.unit(&ranked.name);
            let unit = unit.ok_or_else(|| Error::new(ErrorCode::Internal, "a route leads to nobody"))?;
            Ok(RouteLeg {
                unit: unit.clone(),
                purpose: ranked.purpose.clone(),
            })
        });
        legs.collect()
    }

    fn unit(&self, name: &str) -> Option<&Arc<ProviderUnit>> {
        self.set.units.iter().find(|unit| unit.name == name)
    }
}

/// An account that holds nothing.
static NOTHING: BTreeMap<String, Usage> = BTreeMap::new();

/// The predecessor's single threshold: small files to the first of the order, larger ones to the second.
fn size_threshold(config: &Config) -> Option<SizeThreshold> {
    let (size, _) = config.size_threshold.as_ref()?;
    match config.order.as_slice() {
        [first, second, ..] => Some(SizeThreshold {
            bytes: size.0,
            at_most: first.clone(),
            above: second.clone(),
        }),
        _ => None,
    }
}

impl GatewayState {
    /// Refuses a threshold that would choose a provider for files that it cannot take.
    pub(crate) fn check_threshold(config: &Config, set: &ProviderSet) -> Result<()> {
        let (Some(threshold), Some((_, origin))) = (size_threshold(config), &config.size_threshold) else {
            return Ok(());
        };
        // What it divides the files between is not to be had now.
        let out = |name: &String| set.out_of_service.iter().any(|one| one.name == *name);
        if out(&threshold.at_most) || out(&threshold.above) {
            return Ok(());
        }
        let candidates: Vec<Candidate<'_>> = set
            .units
            .iter()
            .map(|unit| Candidate {
                name: &unit.name,
                profile: &unit.profile,
                order: unit.order().unwrap_or(u32::MAX),
                granted: true,
                health: Admission::Ready,
                in_flight: 0,
                used: &NOTHING,
            })
            .collect();
        check_threshold(&threshold, &candidates).map_err(|error| {
            Error::new(ErrorCode::ConfigInvalid, format!("{origin}: {error}"))
                .hint("remove `router.size_threshold`, or change the first two of `order`")
        })
    }

    /// What every account holds. A tracker that cannot answer leaves quotas to the vendor, who checks them too.
    pub(crate) async fn usages(&self) -> Usages {
        if !self.accounts_are_limited() {
            return Usages::new();
        }
        match self.ledger.usages.known().filter(|_| self.peers.look_with_lease()) {
            Some(known) => self.with_waiting(known),
            None => self.read_usages().await,
        }
    }

    fn accounts_are_limited(&self) -> bool {
        let limited = |purpose: &PurposeProfile| purpose.max_count.is_some() || purpose.max_total_bytes.is_some();
        self.providers
            .iter()
            .any(|unit| unit.profile.purposes.iter().any(limited))
    }

    /// Asks the ledger, for uploads to come.
    pub(crate) async fn refresh_usages(&self) {
        if self.accounts_are_limited() {
            self.read_usages().await;
        }
    }

    fn with_waiting(&self, mut usages: Usages) -> Usages {
        self.ledger.outbox.each(|waiting| {
            if waiting.stored {
                add(&mut usages, &waiting.account, &waiting.purpose, waiting.bytes);
            }
        });
        usages
    }

    async fn read_usages(&self) -> Usages {
        let mut usages = Usages::new();
        for _ in 0..READINGS {
            let arrived = self.ledger.outbox.arrived();
            usages = match answered(self.ledger.tracker.usage().await) {
                Ok(rows) => by_account(rows),
                Err(error) => {
                    tracing::warn!(%error, "the tracker reports no usage; only the vendor's own quotas apply");
                    return Usages::new();
                }
            };
            self.ledger.usages.hear(&usages);
            usages = self.with_waiting(usages);
            if self.ledger.outbox.arrived() == arrived {
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
pub(crate) fn no_route(none: &NoRoute, file: &FileShape<'_>) -> Error {
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
        Verdict::NotAccepted | Verdict::QuotaExhausted | Verdict::OutOfService | Verdict::Unavailable { .. } => (
            ErrorCode::NoProviderAvailable,
            "`loadlock route FILE` shows each provider's reason",
        ),
    };
    Error::new(
        code,
        format!(
            "{} ({}, {}): {none}",
            file.name,
            counted(file.size, "byte"),
            file.media_type
        ),
    )
    .hint(hint)
}
