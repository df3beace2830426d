//! The disk: one admitted file, one directory of its own, nothing else.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use loadlock_policy::model::FailureKind;
use loadlock_sandbox::Limits;
use loadlock_sandbox::provider::ProviderGrants;
use loadlock_tests::{Cell, Upload};

const SECRET: &str = "THE-SIBLINGS-SECRET";

/// A file to be uploaded, a sibling in the same folder, one beside the root, and everything as it is now.
async fn scene() -> (Cell, Snapshot) {
    let cell = Cell::new().await;
    cell.file("folder/mine.txt", "mine");
    cell.file("folder/secret.txt", SECRET);
    cell.file("secret.txt", SECRET);
    std::fs::write(cell.path("outside.txt"), SECRET).unwrap();
    let before = Snapshot::of(&cell.path("files"));
    (cell, before)
}

/// Every name beneath a directory with its content and times.
#[derive(Debug, PartialEq, Eq)]
struct Snapshot(BTreeMap<String, (Vec<u8>, i64, i64)>);

impl Snapshot {
    fn of(directory: &Path) -> Self {
        let mut all = BTreeMap::new();
        let mut left = vec![directory.to_owned()];
        while let Some(here) = left.pop() {
            for entry in std::fs::read_dir(&here).unwrap() {
                let path = entry.unwrap().path();
                let metadata = path.symlink_metadata().unwrap();
                if metadata.is_dir() {
                    left.push(path.clone());
                }
                let honest = path.file_name().unwrap().to_string_lossy().starts_with("honest-");
                if !honest {
                    let content = if metadata.is_file() {
                        std::fs::read(&path).unwrap()
                    } else {
                        Vec::new()
                    };
                    let times = if metadata.is_file() {
                        (metadata.mtime_nsec(), metadata.ctime_nsec())
                    } else {
                        (0, 0)
                    };
                    all.insert(path.display().to_string(), (content, times.0, times.1));
                }
            }
        }
        Self(all)
    }
}

/// Runs a guest that reports its attempts and checks that the host let none through.
async fn attack(guest: &str, settings: &[(&str, &str)]) -> Upload {
    let (cell, before) = scene().await;
    let outside = cell.path("outside.txt").display().to_string();
    let mut settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    settings.push(("outside".to_owned(), outside));
    let guest = cell
        .guest_with(
            guest,
            ProviderGrants {
                settings,
                ..cell.grants()
            },
        )
        .await;
    let report = cell.beside(cell.upload(&guest, "folder/mine.txt")).await;
    assert_nothing_was_gained(&report);
    assert_eq!(Snapshot::of(&cell.path("files")), before);
    report
}

fn assert_nothing_was_gained(report: &Upload) {
    let failure = report.outcome.as_ref().unwrap().as_ref().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Rejected, "{failure}");
    assert!(
        failure.message.starts_with("allowed=0 refused="),
        "{}\n{}",
        failure.message,
        report.log.join("\n")
    );
    assert!(!report.log.is_empty());
    for line in report.log.iter().chain([&failure.message]) {
        assert!(!line.contains("ALLOWED") && !line.contains(SECRET), "{line}");
    }
}

/// How many attempts were refused, so that a guest that attempts nothing is no proof.
fn refused(report: &Upload) -> usize {
    let message = &report.outcome.as_ref().unwrap().as_ref().unwrap_err().message;
    message
        .split("refused=")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
pub(crate) async fn read_sibling() {
    let report = attack("read_sibling", &[]).await;
    assert!(refused(&report) >= 20, "{}", refused(&report));
}

#[tokio::test]
pub(crate) async fn write_attacks() {
    let report = attack("write_attacks", &[]).await;
    assert!(refused(&report) >= 35, "{}", refused(&report));
}

#[tokio::test]
pub(crate) async fn open_parent() {
    let report = attack("open_parent", &[]).await;
    // 16 names, three ways, through the grant and through its own directory.
    assert_eq!(refused(&report), 96);
}

/// The same attacks by another version of the interface.
async fn version(guest: &str) {
    for (chosen, least) in [("sibling", 20), ("write", 35), ("parent", 96)] {
        let report = attack(guest, &[("attack", chosen)]).await;
        assert!(refused(&report) >= least, "{chosen}: {}", refused(&report));
    }
}

#[tokio::test]
pub(crate) async fn file_attacks_0_2_0() {
    version("file_attacks_0_2_0").await;
}

#[tokio::test]
pub(crate) async fn file_attacks_0_2_6() {
    version("file_attacks_0_2_6").await;
}

#[tokio::test]
pub(crate) async fn file_attacks_0_2_12() {
    version("file_attacks_0_2_12").await;
}

#[tokio::test]
pub(crate) async fn symlink_in_state() {
    let report = attack("symlink_in_state", &[]).await;
    let made = report
        .log
        .iter()
        .filter(|line| line.starts_with("symlink ") && line.ends_with("Ok(())"))
        .count();
    assert_eq!(made, 0, "{:?}", report.log);
}

/// Links that are in its directory all the same, by whatever way they came there, lead nowhere.
#[tokio::test]
async fn links_that_were_planted_in_state_are_not_followed() {
    let (cell, _) = scene().await;
    let (state, outside) = (cell.path("state"), cell.path("outside.txt"));
    let climb = format!("{}{}", "../".repeat(16), outside.strip_prefix("/").unwrap().display());
    symlink(climb, state.join("x")).unwrap();
    symlink(&outside, state.join("absolute")).unwrap();
    symlink("..", state.join("up")).unwrap();
    symlink("..", state.join("folder")).unwrap();
    symlink(cell.path(""), state.join("absolute-folder")).unwrap();
    symlink("/proc/self/root", state.join("proc")).unwrap();
    let settings = vec![("outside".to_owned(), outside.display().to_string())];
    let guest = cell
        .guest_with(
            "symlink_in_state",
            ProviderGrants {
                settings,
                ..cell.grants()
            },
        )
        .await;
    let report = cell.upload(&guest, "folder/mine.txt").await;
    assert_nothing_was_gained(&report);
    assert_eq!(std::fs::read_to_string(outside).unwrap(), SECRET);
}

/// What a component keeps in its own directory has an end, however it gets there.
#[tokio::test]
pub(crate) async fn fills_state() {
    for way in [
        "write", "stream", "append", "hole", "length", "nameless", "again", "files", "renamed", "folders",
    ] {
        let cell = Cell::new().await;
        cell.file(&format!("{way}.txt"), "mine");
        let grants = cell.grants();
        let limits = Limits {
            state_bytes: Some(1 << 20),
            ..grants.limits.clone()
        };
        let guest = cell
            .guest_with("fills_state", ProviderGrants { limits, ..grants })
            .await;
        let report = cell.upload(&guest, &format!("{way}.txt")).await;
        assert_nothing_was_gained(&report);
        let used = guest.state_use().unwrap();
        assert!(
            used.refused > 0 && used.bytes <= 1 << 20 && used.names <= 1_000,
            "{way}: {used:?}"
        );
        // The next call meets the same end, and room comes back when it is made.
        assert!(walk(&cell.path("state")) <= 1 << 20, "{way}");
        for entry in std::fs::read_dir(cell.path("state")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                std::fs::remove_dir(path).unwrap()
            } else {
                std::fs::remove_file(path).unwrap()
            }
        }
        assert_nothing_was_gained(&cell.upload(&guest, &format!("{way}.txt")).await);
    }
}

fn walk(directory: &Path) -> u64 {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap())
        .filter(|m| m.is_file())
        .map(|m| m.len())
        .sum()
}

/// A provider without an own directory gets none, and still only its file.
#[tokio::test]
async fn without_a_directory_of_its_own_there_is_only_the_file() {
    let (cell, before) = scene().await;
    for name in ["open_parent", "write_attacks"] {
        let guest = cell
            .guest_with(
                name,
                ProviderGrants {
                    state: None,
                    ..cell.grants()
                },
            )
            .await;
        let report = cell.upload(&guest, "folder/mine.txt").await;
        assert_nothing_was_gained(&report);
    }
    assert_eq!(Snapshot::of(&cell.path("files")), before);
}
