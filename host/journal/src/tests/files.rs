//! Real files: names, modes, locks, and what an earlier start may have left.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use crate::place::{Directory, StorePlace};
use crate::tests::support::{accepted, intent, wait};
use crate::{Journal, JournalError};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn the_store_is_private_and_survives_drops_and_closes() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("journal");
    let journal = Journal::open(&dir).unwrap();
    wait(journal.begin(intent("a"))).unwrap();
    drop(journal);
    assert_eq!((mode(&dir), mode(&dir.join("journal.redb"))), (0o700, 0o600));
    let journal = Journal::open(&dir).unwrap();
    wait(journal.accepted("a", accepted("r"))).unwrap();
    wait(journal.put_state("key", b"value".to_vec())).unwrap();
    wait(journal.close()).unwrap();
    let journal = Journal::open(&dir).unwrap();
    assert_eq!(journal.counts().unwrap().accepted, 1);
    assert_eq!(journal.get_state("key").unwrap().unwrap(), b"value");
    assert!(!journal.rolled_back());
    let names: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|name| name.unwrap().file_name())
        .collect();
    assert_eq!(names, ["journal.redb"]);
}

#[test]
fn one_owner_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    assert_eq!(Journal::open(home.path()).unwrap_err(), JournalError::InUse);
    drop(journal);
    Journal::open(home.path()).unwrap();
}

#[test]
fn a_half_made_store_is_made_anew() {
    let home = tempfile::tempdir().unwrap();
    let unfinished = home.path().join("journal.redb.new");
    std::fs::write(&unfinished, b"half").unwrap();
    let journal = Journal::open(home.path()).unwrap();
    wait(journal.begin(intent("a"))).unwrap();
    assert!(!unfinished.exists());
}

#[test]
fn a_restored_store_becomes_private_again() {
    let home = tempfile::tempdir().unwrap();
    drop(Journal::open(home.path()).unwrap());
    let store = home.path().join("journal.redb");
    std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(Journal::open(home.path()).unwrap());
    assert_eq!(mode(&store), 0o600);
}

#[test]
fn links_and_odd_files_are_refused() {
    let home = tempfile::tempdir().unwrap();
    drop(Journal::open(&home.path().join("real")).unwrap());
    let dir = home.path().join("linked");
    std::fs::create_dir(&dir).unwrap();
    symlink(home.path().join("real/journal.redb"), dir.join("journal.redb")).unwrap();
    assert!(matches!(Journal::open(&dir), Err(JournalError::Io { .. })));
    let dir = home.path().join("odd");
    std::fs::create_dir_all(dir.join("journal.redb")).unwrap();
    assert!(matches!(Journal::open(&dir), Err(JournalError::Io { .. })));
    let file = home.path().join("file");
    std::fs::write(&file, b"").unwrap();
    assert!(Journal::open(&file.join("below")).is_err());
}

#[test]
fn a_backend_of_the_callers_works_too() {
    let journal = Journal::open_with(redb::backends::InMemoryBackend::new()).unwrap();
    wait(journal.begin(intent("a"))).unwrap();
    assert_eq!(journal.open_entries().unwrap().len(), 1);
    wait(journal.close()).unwrap();
}

/// From tasks of a real runtime, with the store's commits on their own thread.
#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_share_one_journal() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    let tasks = (0..64).map(|n| {
        let journal = journal.clone();
        tokio::spawn(async move {
            let id = format!("f{n}");
            journal.begin(intent(&id)).await?;
            journal.accepted(&id, accepted(&id)).await?;
            journal.recorded(&[id]).await
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    assert_eq!(journal.counts().unwrap(), crate::Counts::default());
    journal.close().await.unwrap();
}

/// Private from its first moment, not only once it is opened.
#[test]
fn a_new_file_is_created_private() {
    let home = tempfile::tempdir().unwrap();
    let place = Directory::new(home.path()).unwrap();
    place.create("new").unwrap();
    assert_eq!(mode(&home.path().join("new")), 0o600);
}
