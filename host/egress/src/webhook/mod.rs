//! Telling somebody by HTTP, after Standard Webhooks: signed, judged as every request that leaves, and not believed in
//! what comes back.

mod client;
mod secrets;

pub use client::{WebhookAnswer, WebhookClient, WebhookTarget};
pub use secrets::{WebhookSecretError, WebhookSecrets};
