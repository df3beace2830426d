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
        key_digest: None,
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
    let session = begin(sessions, spool, new);
    session.update(|_: &mut State| Ok(())).await.unwrap();
    session
}

fn begin(sessions: &Sessions, spool: &Spool, new: NewSession<State>) -> Session {
    let mut entry = spool.create().unwrap();
    let begun = sessions.begin(spool, &caller("acme"), new, &mut entry, 1);
    begun.unwrap()
}

/// One that grows, with so many bytes committed.
async fn growing(sessions: &Sessions, spool: &Spool, bytes: &'static [u8]) -> Session {
    let new = NewSession {
        kind: "test",
        expires_at_ms: None,
        state: State::default(),
    };
    let session = begin(sessions, spool, new);
    session.grows("grows");
    append(&session, bytes).await.unwrap();
    session.commit("grows", None, |_: &mut State| Ok(())).await.unwrap();
    session
}

async fn append(session: &Session, bytes: &'static [u8]) -> Result<u64> {
    let alone = session.exclusively().await;
    let mut writer = session.append(alone, "grows", 1_000).await?;
    writer.write(&Bytes::from_static(bytes)).await?;
    writer.keep().await
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
    let staged = session
        .stage(&["part_1".to_owned()], "a.txt", None, None)
        .await
        .unwrap();
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
async fn a_file_that_is_not_finished_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, sessions) = (spool(dir.path()), Sessions::default());
    let session = open(&sessions, &spool, None).await;
    let mut writer = session.create("whole", 1_000).await.unwrap();
    writer.write(&Bytes::from_static(b"12345")).await.unwrap();
    drop(writer);
    assert_eq!((spool.space().used(), session.len_of("whole")), (0, None));
}

#[tokio::test]
async fn what_is_kept_stays_and_what_is_not_is_cut_off_by_the_next_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, sessions) = (spool(dir.path()), Sessions::default());
    let session = growing(&sessions, &spool, b"12345").await;
    let mut writer = session
        .append(session.exclusively().await, "grows", 1_000)
        .await
        .unwrap();
    writer.write(&Bytes::from_static(b"lost")).await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!((writer.len(), spool.space().used()), (9, 9));
    drop(writer);
    assert_eq!((spool.space().used(), session.len_of("grows")), (5, Some(5)));
    // Waits for the writer before, and goes on where that kept something.
    assert_eq!(append(&session, b"678").await.unwrap(), 8);
    assert_eq!((spool.space().used(), session.len_of("grows")), (8, Some(8)));
    assert_eq!(std::fs::read(session.directory().join("grows")).unwrap(), b"12345678");
    assert!(!session.is_committed("grows"));

    let alone = session.exclusively().await;
    let mut writer = session.append(alone, "grows", 1_000).await.unwrap();
    let too_much = Bytes::from(vec![0; 93]);
    assert_eq!(writer.write(&too_much).await.unwrap_err().code, ErrorCode::SpoolFull);
    writer.cut(6).await.unwrap();
    drop(writer);
    let alone = session.exclusively().await;
    let mut writer = session.append(alone, "grows", 7).await.unwrap();
    let long = Bytes::from_static(b"ab");
    assert_eq!(writer.write(&long).await.unwrap_err().code, ErrorCode::FileTooLarge);
    assert_eq!((spool.space().used(), writer.len()), (6, 6));
}

#[tokio::test]
async fn a_start_cuts_what_was_not_committed_and_removes_what_lacks_something() {
    let dir = tempfile::tempdir().unwrap();
    let ids = {
        let (spool, sessions) = (spool(dir.path()), Sessions::default());
        let longer = growing(&sessions, &spool, b"12345").await;
        append(&longer, b"678").await.unwrap();
        let shorter = growing(&sessions, &spool, b"12345").await;
        std::fs::write(shorter.directory().join("grows"), b"1234").unwrap();
        [longer.id().to_owned(), shorter.id().to_owned()]
    };
    let spool = spool(dir.path());
    let sessions = Sessions::load(&spool, 2, true);
    let longer = sessions.find("acme", "test", &ids[0], 2).unwrap();
    assert_eq!(std::fs::read(longer.directory().join("grows")).unwrap(), b"12345");
    assert_eq!((longer.len_of("grows"), spool.space().used()), (Some(5), 5));
    assert!(sessions.find("acme", "test", &ids[1], 2).is_err());
    assert_eq!(entries(dir.path()), 1);
}

#[tokio::test]
async fn data_is_read_where_it_lies_and_its_digest_is_known_from_writing_it() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, sessions) = (spool(dir.path()), Sessions::default());
    let session = open(&sessions, &spool, None).await;
    for (name, bytes) in [("b", b"lo" as &[u8]), ("a", b"hel"), ("c", b"unused")] {
        put(&session, name, bytes).await.unwrap();
    }
    let order = ["a".to_owned(), "b".to_owned()];
    let staged = session.stage(&order, "a.txt", None, None).await.unwrap();
    let hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!((staged.sha256(), staged.bytes()), (hello, 5));
    assert_eq!(spool.space().used(), 11, "nothing is copied");
    drop(staged);

    let growing = growing(&sessions, &spool, b"hel").await;
    append(&growing, b"lo").await.unwrap();
    // Only whoever hashed the bytes on their way can know what they were.
    std::fs::write(growing.directory().join("grows"), b"HELLO").unwrap();
    let staged = growing.stage(&["grows".to_owned()], "a.txt", None, None).await.unwrap();
    assert_eq!(staged.sha256(), hello);
}

#[tokio::test]
async fn joining_moves_the_bytes_of_parts_and_takes_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let joined = {
        let (spool, sessions) = (spool(dir.path()), Sessions::default());
        let parts = [
            growing(&sessions, &spool, b"one").await,
            growing(&sessions, &spool, b"two").await,
        ];
        let whole = open(&sessions, &spool, None).await;
        let names = whole.join(&parts, "grows").await.unwrap();
        assert_eq!(spool.space().used(), 6);
        let staged = whole.stage(&names, "a.txt", None, None).await.unwrap();
        assert_eq!(staged.bytes(), 6);
        parts[0]
            .end_joined("grows", None, |state: &mut State| {
                state.steps = 9;
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!((spool.space().used(), parts[0].data().len()), (6, 0));
        // A crash comes before the second part ends.
        (whole.id().to_owned(), parts[1].id().to_owned())
    };
    let spool = spool(dir.path());
    let sessions = Sessions::load(&spool, 2, true);
    let whole = sessions.find("acme", "test", &joined.0, 2).unwrap();
    assert_eq!(whole.data().values().copied().collect::<Vec<_>>(), [3, 3]);
    let part = sessions.find("acme", "test", &joined.1, 2).unwrap();
    assert_eq!(spool.space().used(), 9);
    part.end_joined("grows", None, |_: &mut State| Ok(())).await.unwrap();
    assert_eq!(spool.space().used(), 6);
    let names: Vec<_> = whole.data().into_keys().collect();
    let mut bytes = Vec::new();
    bytes = whole
        .read(&names, bytes.clone(), |all, block| all.extend_from_slice(block))
        .await
        .unwrap();
    assert_eq!(bytes, b"onetwo");
}

#[tokio::test]
async fn what_nobody_was_told_about_leaves_nothing_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (spool, sessions) = (spool(dir.path()), Sessions::default());
        let new = NewSession {
            kind: "test",
            expires_at_ms: None,
            state: State::default(),
        };
        let session = begin(&sessions, &spool, new);
        session.grows("grows");
        append(&session, b"12345").await.unwrap();
    }
    let spool = spool(dir.path());
    let sessions = Sessions::load(&spool, 2, true);
    assert_eq!((sessions.lock().all().count(), entries(dir.path())), (0, 0));
}

#[tokio::test]
async fn an_ended_session_keeps_its_answer_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let id = {
        let (spool, sessions) = (spool(dir.path()), Sessions::default());
        let session = growing(&sessions, &spool, b"12345").await;
        let end = |state: &mut State| {
            state.steps = 7;
            Ok(())
        };
        session.end(Some(9), end).await.unwrap();
        assert_eq!(spool.space().used(), 0);
        session.id().to_owned()
    };
    let spool = spool(dir.path());
    let sessions = Sessions::load(&spool, 2, true);
    let session = sessions.find("acme", "test", &id, 2).unwrap();
    assert!(session.has_ended() && session.data().is_empty());
    assert_eq!(session.state::<State>().unwrap(), State { steps: 7 });
    assert!(!sessions.has_expired("acme", &id, 8) && sessions.has_expired("acme", &id, 9));
    drop(session);
    sessions.close_expired(9);
    assert!(sessions.has_expired("acme", &id, 9) && !sessions.has_expired("umbrella", &id, 9));
}

#[tokio::test]
async fn one_that_is_being_used_does_not_expire() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, sessions) = (spool(dir.path()), Sessions::default());
    let session = open(&sessions, &spool, Some(10)).await;
    let (id, in_use) = (session.id().to_owned(), session.in_use());
    drop(session);
    assert_eq!(sessions.close_expired(11), 0);
    assert!(sessions.find("acme", "test", &id, 11).is_ok());
    drop(in_use);
    assert!(sessions.find("acme", "test", &id, 11).is_err());
    assert_eq!(sessions.close_expired(11), 1);
}

#[tokio::test]
async fn a_closed_session_takes_nothing_more_and_its_name_leads_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, sessions) = (spool(dir.path()), Sessions::default());
    let session = open(&sessions, &spool, None).await;
    for name in ["", "..", "a/b", "session.json", "a\0b"] {
        assert!(session.create(name, 10).await.is_err(), "{name:?}");
        let alone = session.exclusively().await;
        assert!(session.append(alone, name, 10).await.is_err(), "{name:?}");
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
