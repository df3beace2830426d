//! `loadlock serve`, asked at every door: the real binary, of which no part is linked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod components;
mod copies;
mod cors;
mod events;
mod forward;
mod grants;
mod health;
mod hostile;
mod limits;
mod local;
mod mcp;
mod openai;
mod operate;
mod page;
mod reload;
mod tenants;
mod tls;
mod traces;
mod tus;
mod tus_checksum;
mod tus_expiry;
mod tus_join;
mod tus_protocol;
mod tus_resume;
mod tus_store;
mod tus_takeover;
mod tus_tenants;
mod webhooks;
mod websocket;
