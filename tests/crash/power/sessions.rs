//! What is promised about uploads in pieces.

use std::io::Read;

use bytes::Bytes;
use loadlock_durable::power::Names;
use loadlock_gateway::{NewSession, STAGED_BODY, Scope, Session};
use loadlock_tests::Opened;
use serde::{Deserialize, Serialize};

use crate::disk::{again, body, world};
use crate::promises::Check;

const KIND: &str = "power";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    steps: u32,
}

pub(crate) fn all() -> Vec<(&'static str, Check)> {
    vec![
        ("a session is there", |names| Box::pin(opened(names))),
        ("a session's state is the last", |names| Box::pin(updated(names))),
        ("a session's data is there", |names| Box::pin(created(names))),
        ("what was appended is there", |names| Box::pin(appended(names))),
        ("a kept body is there", |names| Box::pin(kept(names))),
        ("a closed session stays closed", |names| Box::pin(closed(names))),
    ]
}

fn new() -> NewSession<State> {
    NewSession {
        kind: KIND,
        expires_at_ms: None,
        state: State { steps: 1 },
    }
}

async fn open(gateway: &Opened) -> Session {
    let open = gateway.gateway.open_session(&gateway.who, new());
    open.await.unwrap()
}

fn find(gateway: &Opened, id: &str) -> Result<Session, String> {
    gateway
        .gateway
        .session(&gateway.who, Scope::Write, KIND, id)
        .map_err(|error| error.to_string())
}

fn holds(session: &Session, name: &str, content: &[u8]) -> Result<(), String> {
    let mut bytes = Vec::new();
    let mut file = session.open(name).map_err(|error| error.to_string())?;
    file.read_to_end(&mut bytes).unwrap();
    let length = session.len_of(name);
    (bytes == content && length == Some(content.len() as u64))
        .then_some(())
        .ok_or_else(|| format!("it holds {bytes:?}, of {length:?}"))
}

async fn opened(names: Names) -> Result<(), String> {
    let world = world();
    let gateway = world.open().await;
    let id = open(&gateway).await.id().to_owned();
    let gateway = again(&world, gateway, names).await?;
    let state: State = find(&gateway, &id)?.state().unwrap();
    (state == State { steps: 1 })
        .then_some(())
        .ok_or_else(|| format!("{state:?}"))
}

async fn updated(names: Names) -> Result<(), String> {
    let world = world();
    let gateway = world.open().await;
    let session = open(&gateway).await;
    let step = |state: &mut State| {
        state.steps += 1;
        Ok(())
    };
    session.update(step).await.unwrap();
    let id = session.id().to_owned();
    let gateway = again(&world, (session, gateway), names).await?;
    let state: State = find(&gateway, &id)?.state().unwrap();
    (state == State { steps: 2 })
        .then_some(())
        .ok_or_else(|| format!("{state:?}"))
}

async fn created(names: Names) -> Result<(), String> {
    let world = world();
    let gateway = world.open().await;
    let session = open(&gateway).await;
    let mut writer = session.create("part", 100).await.unwrap();
    writer.write(&Bytes::from_static(b"a part")).await.unwrap();
    writer.finish().await.unwrap();
    let id = session.id().to_owned();
    let gateway = again(&world, (session, gateway), names).await?;
    holds(&find(&gateway, &id)?, "part", b"a part")
}

async fn appended(names: Names) -> Result<(), String> {
    let world = world();
    let gateway = world.open().await;
    let session = gateway.gateway.begin_session(&gateway.who, new()).unwrap();
    session.grows("all");
    for piece in ["one ", "two"] {
        let alone = session.exclusively().await;
        let mut writer = session.append(alone, "all", 100).await.unwrap();
        writer.write(&Bytes::from_static(piece.as_bytes())).await.unwrap();
        writer.keep().await.unwrap();
        session.commit("all", None, |_: &mut State| Ok(())).await.unwrap();
    }
    let id = session.id().to_owned();
    let gateway = again(&world, (session, gateway), names).await?;
    holds(&find(&gateway, &id)?, "all", b"one two")
}

async fn kept(names: Names) -> Result<(), String> {
    let world = world();
    let gateway = world.open().await;
    let open = &gateway.gateway;
    let staged = open.stage(&gateway.who, body(b"a body")).await.unwrap();
    let session = open.keep(&gateway.who, staged, new()).await.unwrap();
    let id = session.id().to_owned();
    let gateway = again(&world, (session, gateway), names).await?;
    holds(&find(&gateway, &id)?, STAGED_BODY, b"a body")
}

async fn closed(names: Names) -> Result<(), String> {
    let world = world();
    let gateway = world.open().await;
    let session = open(&gateway).await;
    let id = session.id().to_owned();
    gateway.gateway.close_session(&session).unwrap();
    let gateway = again(&world, (session, gateway), names).await?;
    match find(&gateway, &id) {
        Ok(_) => Err("it is open again".into()),
        Err(_) => Ok(()),
    }
}
