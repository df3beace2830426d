//! Makes this gateway known to the others.

use std::sync::Arc;

use super::{heartbeat, takeover};
use crate::state::gateway::GatewayState;

/// Makes this gateway known, and starts what goes on as long as it is open, whether or not it serves.
pub(crate) async fn start(state: &Arc<GatewayState>) {
    let Some(cluster) = state.peers.cluster() else {
        return;
    };
    for configured in &state.live().config.providers {
        let is_shared = configured.account.is_some();
        let is_remote = state
            .providers
            .named(&configured.name)
            .is_ok_and(|unit| unit.component.grants().network.is_granted());
        if is_remote && !is_shared {
            tracing::warn!(provider = %configured.name, "without `account` its vendor account has another name at \
                 every gateway, and each stores on its own; give it one name at all of them");
        }
    }
    if let Some(batched) = &cluster.batched {
        batched.open();
    }
    state.first_heartbeat(cluster).await;
    tokio::spawn(heartbeat::heartbeats(Arc::downgrade(state)));
    tokio::spawn(takeover::takeovers(Arc::downgrade(state)));
}
