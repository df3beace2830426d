//! Grants that are mistakes: the gateway does not start with them.

use std::os::unix::fs::symlink;

use loadlock_tests::World;

use super::Gate;

/// What the configuration answers to a grant.
fn refused(world: World, root: &str) -> String {
    let world = world.config(&format!("[[grants]]\nroot = {root:?}"));
    match world.try_load() {
        Ok(_) => panic!("a grant of {root} was taken"),
        Err(errors) => errors.to_string(),
    }
}

#[tokio::test]
async fn the_whole_file_system_is_never_granted() {
    for root in ["/", "//", "/.", "/..", "/usr/..", "/proc/self/root"] {
        let why = refused(World::new(), root);
        assert!(why.contains("the whole file system is never granted"), "{root}: {why}");
    }
    let world = World::new();
    let link = world.path("innocent");
    symlink("/", &link).unwrap();
    let why = refused(world, link.to_str().unwrap());
    assert!(why.contains("the whole file system is never granted"), "{why}");
}

#[tokio::test]
async fn what_is_no_folder_is_not_granted() {
    let world = World::new();
    let missing = world.path("missing").display().to_string();
    let why = refused(world, &missing);
    assert!(why.contains("grants[0].root") && why.contains(&missing), "{why}");
    let world = World::new();
    let file = world.file("a.txt", "").display().to_string();
    let why = refused(world, &file);
    assert!(why.contains("not a folder"), "{why}");
}

#[tokio::test]
async fn the_state_is_not_granted() {
    for below in ["home", "home/spool", "home/keys", "files/../home", "innocent"] {
        let world = World::new();
        for folder in ["home/spool", "home/keys"] {
            std::fs::create_dir_all(world.path(folder)).unwrap();
        }
        symlink(world.path("home/keys"), world.path("innocent")).unwrap();
        let root = world.path("").join(below).display().to_string();
        let why = refused(world, &root);
        assert!(why.contains("at or below `home`"), "{below}: {why}");
    }
}

/// What looks like files and is not: refused where the grants are opened.
#[tokio::test]
async fn processes_and_devices_are_not_granted() {
    for root in ["/proc", "/proc/self", "/dev", "/sys"] {
        let world = World::new().config(&format!("[[grants]]\nroot = {root:?}"));
        let Ok(_) = world.try_load() else { continue };
        let error = world.try_open().await.err().unwrap();
        assert_eq!(
            error.code,
            loadlock_gateway::ErrorCode::ConfigInvalid,
            "{root}: {error}"
        );
    }
}

#[tokio::test]
async fn with_no_grant_no_path_is_allowed() {
    let world = World::new().config("grants = []");
    let path = world.file("a.txt", "not granted");
    let gate = Gate::open(&world).await;
    for path in [path.to_str().unwrap(), "a.txt", "./a.txt"] {
        let error = gate.upload(path).await.unwrap_err();
        assert_eq!(
            error.code,
            loadlock_gateway::ErrorCode::PathNotAllowed,
            "{path}: {error}"
        );
        assert!(error.hint.contains("[[grants]]"), "{}", error.hint);
    }
}
