//! Who is told, as configured.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loadlock_config::{Config, GRANT_CALLBACK, Webhook};
use loadlock_egress::{WebhookClient, WebhookSecrets, WebhookTarget};
use loadlock_journal::{Journal, OutgoingEvent, OutgoingKind, Subscription};
use loadlock_policy::breaker::{Breaker, BreakerPolicy};
use loadlock_policy::egress::{Origin, PathPrefix};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};

use super::message::{KINDS, event_type};
use crate::error::{Error, ErrorCode, Result};
use crate::setup::auth::resolve;
use crate::setup::loader::Loader;

/// The breaker of a receiver: one good attempt closes it.
pub(super) fn breaker_policy() -> BreakerPolicy {
    BreakerPolicy {
        successes: 1,
        ..BreakerPolicy::default()
    }
}

/// One receiver.
pub(crate) struct WebhookReceiver {
    pub(crate) url: String,
    /// What stands for it in ids and paths.
    pub(crate) id: String,
    pub(crate) kinds: Vec<OutgoingKind>,
    /// Whether upload grants may name a URL at or beneath it.
    pub(crate) takes_callbacks: bool,
    target: WebhookTarget,
    pub(super) client: WebhookClient,
    breaker: Mutex<Breaker>,
    /// Something may be sent earlier than was thought.
    pub(crate) sooner: Notify,
}

impl WebhookReceiver {
    fn of(webhook: &Webhook, loader: &Loader) -> Result<Self> {
        let place = format!("{} ({})", webhook.key, webhook.place);
        let invalid = |why: String| Error::new(ErrorCode::ConfigInvalid, format!("{place}: {why}"));
        let secret = zeroize::Zeroizing::new(resolve(loader.env, &webhook.secret, &place)?);
        let text = std::str::from_utf8(&secret).map_err(|_| invalid("the secret is not text".into()))?;
        let secrets = WebhookSecrets::parse(text).map_err(|error| {
            let message = format!("the secret cannot be used: {error}");
            invalid(message).hint("make one with `echo whsec_$(openssl rand -base64 32)`")
        })?;
        let target = WebhookTarget {
            origin: webhook.origin.clone(),
            path: webhook.path.clone(),
            private: webhook.private,
        };
        let client = WebhookClient::new(&target, secrets, loader.resolver.clone(), &loader.env);
        let url = webhook.url();
        let digest = hex::encode(Sha256::digest(&url));
        let wanted = |kind: &OutgoingKind| webhook.events.iter().any(|event| event == event_type(*kind));
        Ok(Self {
            id: format!("whk_{}", digest.get(..12).unwrap_or(&digest)),
            url,
            kinds: KINDS.into_iter().filter(wanted).collect(),
            takes_callbacks: webhook.events.iter().any(|event| event == GRANT_CALLBACK),
            target,
            client: client.map_err(invalid)?,
            breaker: Mutex::new(Breaker::new()),
            sooner: Notify::new(),
        })
    }

    pub(crate) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is its own address, or one beneath it.
    pub(super) fn is_above(&self, origin: &Origin, path: &PathPrefix) -> bool {
        self.target.origin == *origin && self.target.path.covers(path)
    }

    /// Where an event is sent: its callback, or here.
    pub(crate) fn url_of<'a>(&'a self, event: &'a OutgoingEvent) -> &'a str {
        event.callback.as_ref().map_or(&self.url, |callback| &callback.url)
    }

    /// What it is told, as it is configured.
    pub(crate) fn events(&self) -> Vec<String> {
        let callbacks = self.takes_callbacks.then_some(GRANT_CALLBACK);
        let kinds = self.kinds.iter().map(|kind| event_type(*kind));
        kinds.chain(callbacks).map(str::to_owned).collect()
    }

    fn subscription(&self) -> Subscription {
        Subscription {
            receiver: self.url.clone(),
            kinds: self.kinds.clone(),
            callbacks: self.takes_callbacks,
        }
    }
}

pub(crate) type WebhookReceivers = Arc<[Arc<WebhookReceiver>]>;

/// All receivers, which a reload replaces.
pub(crate) struct Webhooks(watch::Sender<WebhookReceivers>);

impl Webhooks {
    /// Those of a configuration; from here on the journal writes their events.
    ///
    /// # Errors
    /// [`ErrorCode::ConfigInvalid`] if a secret is missing or cannot be used.
    pub(crate) fn open(config: &Config, loader: &Loader, journal: &Journal) -> Result<Self> {
        let receivers = receivers(config, loader)?;
        journal.subscribe(subscriptions(&receivers));
        Ok(Self(watch::Sender::new(receivers)))
    }

    pub(crate) fn now(&self) -> WebhookReceivers {
        self.0.borrow().clone()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<WebhookReceivers> {
        self.0.subscribe()
    }

    /// Those of another configuration, if they are others.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn next(old: &Config, new: &Config, loader: &Loader) -> Result<Option<WebhookReceivers>> {
        let same = |(old, new): (&Webhook, &Webhook)| {
            // Where they stand in the file does not matter; a secret's file may hold another one.
            (&old.origin, &old.path, &old.secret, &old.events, old.private)
                == (&new.origin, &new.path, &new.secret, &new.events, new.private)
                && new.secret.files().next().is_none()
        };
        let mut pairs = old.webhooks.iter().zip(&new.webhooks);
        if old.webhooks.len() == new.webhooks.len() && pairs.all(same) {
            return Ok(None);
        }
        receivers(new, loader).map(Some)
    }

    /// Replaces all of them.
    pub(crate) fn replace(&self, receivers: WebhookReceivers, journal: &Journal) {
        journal.subscribe(subscriptions(&receivers));
        self.0.send_replace(receivers);
    }
}

/// The receivers of a configuration.
///
/// # Errors
/// [`ErrorCode::ConfigInvalid`] if a secret is missing or cannot be used.
fn receivers(config: &Config, loader: &Loader) -> Result<WebhookReceivers> {
    let receiver = |webhook: &Webhook| WebhookReceiver::of(webhook, loader).map(Arc::new);
    config.webhooks.iter().map(receiver).collect()
}

fn subscriptions(receivers: &WebhookReceivers) -> Vec<Subscription> {
    receivers.iter().map(|receiver| receiver.subscription()).collect()
}
