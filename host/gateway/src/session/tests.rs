//! Sessions on a disk of their own: what survives a restart, what does not, and what each byte counts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use bytes::Bytes;
use loadlock_sandbox::auth::Identified;
use serde::{Deserialize, Serialize};

use super::store::Sessions;
use super::{NewSession, Session};
use crate::admission::{Spool, spool_root};
use crate::error::{ErrorCode, Result};
use crate::principal::Principal;

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    steps: u32,
}

fn spool(path: &Path) -> Spool {
    Spool::new(path.to_owned(), spool_root(path).unwrap(), 100)
}

fn caller(tenant: &str) -> Principal {
    Principal::resumed(Identified {
        subject: "s".into(),
        tenant: tenant.into(),
        scopes: vec!["write".into()],
        legacy: false,
        key_id: None,
        token_id: None,
        expires_at: None,
    })
}

async fn open(sessions: &Sessions, spool: &Spool, expires_at_ms: Option<u64>) -> Session {
    let new = NewSession {
        kind: "test",
        expires_at_ms,
        state: State::default(),
    };
    let mut entry = spool.create().unwrap();
    let who = caller("acme");
    let begun = sessions.begin(spool, &who, new, &mut entry, 1);
    begun.await.unwrap()
}

async fn put(session: &Session, name: &str, bytes: &'static [u8]) -> Result<u64> {
    let mut writer = session.create(name, 1_000).await?;
    writer.write(&Bytes::from_static(bytes)).await?;
    writer.finish().await
}

fn entries(path: &Path) -> usize {
    std::fs::read_dir(path).unwrap().count()
}

#[tokio::test]
async fn a_session_is_there_after_a_restart_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let id = {
        let spool = spool(dir.path());
        let sessions = Sessions::default();
        let session = open(&sessions, &spool, None).await;
        put(&session, "part_1", b"hello").await.unwrap();
        session
            .update(|state: &mut State| {
                state.steps += 1;
                Ok(())
            })
            .await
            .unwrap();
        let mut unfinished = session.create("part_2", 1_000).await.unwrap();
        unfinished.write(&Bytes::from_static(b"lost")).await.unwrap();
        // As a crash leaves it.
        std::mem::forget(unfinished);
        std::fs::create_dir(dir.path().join("stranger")).unwrap();
        session.id().to_owned()
    };
    let spool = spool(dir.path());
    let sessions = Sessions::load(&spool, 2, true);
    let session = sessions.find("acme", "test", &id, 2).unwrap();
    assert_eq!(session.state::<State>().unwrap(), State { steps: 1 });
    assert_eq!(
        session.data().into_iter().collect::<Vec<_>>(),
        [("part_1".to_owned(), 5)]
    );
    assert_eq!((spool.space().used(), entries(dir.path())), (5, 1));
    assert_eq!(session.owner().tenant(), "acme");
    let staged = session.stage("part_1", "a.txt", None, None).await.unwrap();
    assert_eq!(
        staged.sha256(),
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    );
}

#[tokio::test]
async fn another_tenant_another_kind_and_a_late_caller_find_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, sessions) = (spool(dir.path()), Sessions::default());
    let session = open(&sessions, &spool, Some(10)).await;
    let code = |tenant, kind, now| sessions.find(tenant, kind, session.id(), now).unwrap_err().code;
    assert!(sessions.find("acme", "test", session.id(), 9).is_ok());
    for (tenant, kind, now) in [("umbrella", "test", 9), ("acme", "other", 9), ("acme", "test", 10)] {
        assert_eq!(code(tenant, kind, now), ErrorCode::FileNotFound);
    }
}

#[tokio::test]
async fn an_expired_session_goes_with_its_bytes_once_nobody_uses_it() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, sessions) = (spool(dir.path()), Sessions::default());
    let session = open(&sessions, &spool, Some(10)).await;
    put(&session, "a", b"12345").await.unwrap();
    assert_eq!(sessions.close_expired(9), 0);
    assert_eq!(sessions.close_expired(10), 0, "a request holds it");
    drop(session);
    assert_eq!(sessions.close_expired(10), 1);
    assert_eq!((spool.space().used(), entries(dir.path())), (0, 0));
}

#[tokio::test]
async fn a_file_that_is_not_finished_leaves_nothing_and_an_appended_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, sessions) = (spool(dir.path()), Sessions::default());
    let session = open(&sessions, &spool, None).await;
    let mut writer = session.create("whole", 1_000).await.unwrap();
    writer.write(&Bytes::from_static(b"12345")).await.unwrap();
    drop(writer);
    assert_eq!((spool.space().used(), session.len_of("whole")), (0, None));

    let mut writer = session.append("grows", 1_000).await.unwrap();
    writer.write(&Bytes::from_static(b"12345")).await.unwrap();
    drop(writer);
    // Waits for the writer before, whose bytes are on the disk then.
    let mut writer = session.append("grows", 1_000).await.unwrap();
    assert_eq!(writer.len(), 5);
    writer.write(&Bytes::from_static(b"678")).await.unwrap();
    assert_eq!(writer.finish().await.unwrap(), 8);
    assert_eq!((spool.space().used(), session.len_of("grows")), (8, Some(8)));

    let too_much = Bytes::from(vec![0; 93]);
    let mut writer = session.append("grows", 1_000).await.unwrap();
    assert_eq!(writer.write(&too_much).await.unwrap_err().code, ErrorCode::SpoolFull);
    drop(writer);
    let mut writer = session.append("grows", 9).await.unwrap();
    let long = Bytes::from_static(b"ab");
    assert_eq!(writer.write(&long).await.unwrap_err().code, ErrorCode::FileTooLarge);
    assert_eq!(spool.space().used(), 8);
}

#[tokio::test]
async fn a_closed_session_takes_nothing_more_and_its_name_leads_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, sessions) = (spool(dir.path()), Sessions::default());
    let session = open(&sessions, &spool, None).await;
    for name in ["", "..", "a/b", "session.json", "a\0b"] {
        assert!(session.create(name, 10).await.is_err(), "{name:?}");
        assert!(session.append(name, 10).await.is_err(), "{name:?}");
    }
    let mut writer = session.create("late", 10).await.unwrap();
    writer.write(&Bytes::from_static(b"1")).await.unwrap();
    sessions.close(&session).unwrap();
    assert_eq!(writer.finish().await.unwrap_err().code, ErrorCode::FileNotFound);
    let update = session.update(|_: &mut State| Ok(())).await;
    assert_eq!(update.unwrap_err().code, ErrorCode::FileNotFound);
    drop(session);
    assert_eq!((spool.space().used(), entries(dir.path())), (0, 0));
}
