//! Uploads that wait for a slow vendor: how many are under way at once, and what each costs.

use std::time::Duration;

use crate::child::Listening;
use crate::client::Client;
use crate::place::Place;
use crate::report::{Bound, Group, Row};
use crate::run::Scope;
use crate::small::{Forms, Side, round};
use crate::{Result, failed};

const GROUP: &str = "uploads in flight";
const CLIENTS: usize = 1_000;
/// What the vendor takes for each.
const DELAY: Duration = Duration::from_secs(1);

pub(crate) async fn measure(scope: &Scope) -> Result<Group> {
    let sink = Listening::slow_sink(DELAY).await?;
    let place = Place::make(&scope.scratch, "flight", &sink.address)?;
    place.at_once(CLIENTS)?;
    let token = place.token(&scope.loadlock).await?;
    let served = place.serve(&scope.loadlock).await?;
    let side = Side {
        address: served.address.clone(),
        token: Some(token),
    };
    let forms = Forms::new();
    // Compiles nothing and opens the ledger; the crowd is compared with what is there after it.
    let mut first = Client::connect(&side.address, side.token.as_deref()).await?;
    first.upload(forms.next()).await.map_err(failed("first"))?;
    let idle = served.memory("VmRSS")?;
    served.forget_peak()?;
    let mut rates = Vec::new();
    for _ in 0..if scope.quick { 1 } else { 5 } {
        rates.push(round(&side, &forms, CLIENTS, 3 * CLIENTS).await?.rate);
    }
    let peak = served.memory("VmHWM")?;
    let mut group = Group::default();
    group.rows.push(Row::of_bound(
        (
            GROUP,
            format!("uploads a second, {CLIENTS} clients, at a vendor that answers after 1 s"),
            "600/s",
        ),
        &rates,
        (600.0, "/s"),
        Some(Bound::AtLeast(1.0)),
    ));
    group.rows.push(Row::of_bound(
        (GROUP, format!("memory for each of those {CLIENTS}"), "0.5 MiB"),
        &[peak.saturating_sub(idle) as f64 / CLIENTS as f64],
        (524_288.0, "B"),
        Some(Bound::AtMost(1.0)),
    ));
    served.stop().await?;
    sink.stop().await?;
    Ok(group)
}
