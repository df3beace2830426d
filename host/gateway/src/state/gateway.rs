//! Everything that is open while a process serves.

use std::sync::Arc;

use loadlock_journal::Journal;

use super::callers::Callers;
use super::deletes::Deletes;
use super::intake::Intake;
use super::ledger::Ledger;
use super::live::{Live, LiveConfig};
use super::open_entries::OpenEntries;
use super::providers::ProviderUnits;
use super::single_flight::SingleFlight;
use crate::audit::Auditor;
use crate::clock::Clock;
use crate::cluster::peers::Peers;

/// An open gateway. Cheap to clone; the last clone releases `$LOADLOCK_HOME`.
#[derive(Clone)]
pub struct Gateway(pub(crate) Arc<GatewayState>);

/// The parts of an open gateway, in the order in which they are closed.
pub(crate) struct GatewayState {
    pub(crate) callers: Callers,
    pub(crate) intake: Intake,
    pub(crate) providers: ProviderUnits,
    pub(crate) single_flight: SingleFlight,
    pub(crate) journal: Journal,
    pub(crate) ledger: Ledger,
    pub(crate) open_entries: OpenEntries,
    pub(crate) deletes: Deletes,
    /// Other gateways on the same ledger.
    pub(crate) peers: Peers,
    pub(crate) clock: Clock,
    pub(crate) audit: Auditor,
    /// Released last, because it owns `$LOADLOCK_HOME`: everything above may still write.
    pub(crate) config: LiveConfig,
}

impl GatewayState {
    /// The configuration that holds now. A request that took it keeps it.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.config.live()
    }
}
