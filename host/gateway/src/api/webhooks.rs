//! What an operator asks about webhooks.

use loadlock_policy::breaker::Label;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result};
use crate::principal::{Principal, Scope};
use crate::state::gateway::Gateway;
use crate::webhooks::message::{event_id, event_type};

/// Dead letters of one answer.
const MOST: usize = 1_000;

/// One receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookView {
    /// What stands for it.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// What it is told.
    pub events: Vec<String>,
    /// `closed`, `open` or `half_open`.
    pub breaker: String,
    /// Events that it has not taken yet.
    pub waiting: u64,
    /// What went wrong last with the first of them.
    pub last_error: Option<String>,
    /// Events that were given up.
    pub dead_letters: u64,
}

/// An event that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// To send it again.
    pub id: String,
    /// Whom it was for.
    pub url: String,
    /// The event's id, as the receiver knows it.
    pub event: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// To which file.
    pub file: String,
    /// Whose it is.
    pub tenant: String,
    /// How often it was sent.
    pub attempts: u32,
    /// What came of the last attempt.
    pub last_error: Option<String>,
    /// When it was given up, milliseconds since 1970.
    pub dead_at_ms: u64,
}

impl Gateway {
    /// Every receiver, in the order of the configuration.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`]; [`ErrorCode::StateUnavailable`].
    pub async fn webhooks(&self, who: &Principal) -> Result<Vec<WebhookView>> {
        who.require(Scope::Admin)?;
        let state = &self.0;
        let mut views = Vec::new();
        for receiver in state.config.webhooks.now().iter() {
            let (waiting, dead_letters) = state.journal.count_outgoing(&receiver.url)?;
            let first = state.journal.outgoing(&receiver.url, 1)?.into_iter().next();
            let breaker = match receiver.breaker().label(state.clock.now()) {
                Label::Closed => "closed",
                Label::Open => "open",
                Label::HalfOpen => "half_open",
            };
            views.push(WebhookView {
                id: receiver.id.clone(),
                url: receiver.url.clone(),
                events: receiver.events(),
                breaker: breaker.to_owned(),
                waiting,
                last_error: first.and_then(|first| first.event.delivery.last_error),
                dead_letters,
            });
        }
        Ok(views)
    }

    /// The dead letters of every receiver, the oldest of each first.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`]; [`ErrorCode::StateUnavailable`].
    pub async fn dead_letters(&self, who: &Principal) -> Result<Vec<DeadLetter>> {
        who.require(Scope::Admin)?;
        let mut letters = Vec::new();
        for receiver in self.0.config.webhooks.now().iter() {
            for placed in self.0.journal.dead_letters(&receiver.url, MOST)? {
                let event = placed.event;
                letters.push(DeadLetter {
                    id: format!("{}_{}", receiver.id, placed.place),
                    url: receiver.url_of(&event).to_owned(),
                    event: event_id(&event),
                    kind: event_type(event.kind).to_owned(),
                    attempts: event.delivery.attempts,
                    dead_at_ms: event.delivery.dead_at_ms.unwrap_or_default(),
                    last_error: event.delivery.last_error,
                    file: event.file,
                    tenant: event.tenant,
                });
            }
        }
        Ok(letters)
    }

    /// Has one dead letter sent again from the first attempt on, or all of them; answers how many.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`]; [`ErrorCode::FileNotFound`] if there is no such letter;
    /// [`ErrorCode::StateUnavailable`].
    pub async fn resend(&self, who: &Principal, id: Option<&str>) -> Result<u64> {
        who.require(Scope::Admin)?;
        let mut sent = 0;
        for receiver in self.0.config.webhooks.now().iter() {
            for placed in self.0.journal.dead_letters(&receiver.url, MOST)? {
                let own = format!("{}_{}", receiver.id, placed.place);
                if id.is_none_or(|id| id == own) {
                    let again = Some(loadlock_journal::Delivery::default());
                    self.0.journal.put_delivery(&receiver.url, placed.place, again).await?;
                    sent += 1;
                }
            }
            receiver.sooner.notify_one();
        }
        match id {
            Some(id) if sent == 0 => Err(Error::new(
                ErrorCode::FileNotFound,
                format!("there is no dead letter `{id}`"),
            )
            .hint("list them; one that was taken, or is older than 30 days, is gone")),
            _ => Ok(sent),
        }
    }
}
