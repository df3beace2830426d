//! Between the check and the read: another file at the path, other bytes in the file.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use loadlock_gateway::{Error, ErrorCode, Event, File, Target, UploadRequest};
use loadlock_sandbox::CallError;
use loadlock_sandbox::files::InputError;
use loadlock_tests::{Cell, Opened, World};
use loadlock_upstream::{Options, Upstream, Vendor};

/// Uploads a file and does something to it at the first event that `when` picks.
async fn upload_and(
    opened: &Opened,
    path: &PathBuf,
    when: fn(&Event) -> bool,
    then: impl Fn() + Send + Sync,
) -> Result<File, Error> {
    let done = AtomicBool::new(false);
    let outcome = opened
        .gateway
        .upload(&opened.who, opened.request(path), &|event: Event| {
            if when(&event) && !done.swap(true, Ordering::Relaxed) {
                then();
            }
        })
        .await;
    assert!(done.load(Ordering::Relaxed), "the moment never came");
    outcome
}

fn admitted(event: &Event) -> bool {
    matches!(event, Event::Admitted { .. })
}

fn under_way(event: &Event) -> bool {
    matches!(event, Event::Sent { bytes } if *bytes > 0)
}

async fn nothing_is_recorded(opened: &Opened) {
    let list = opened.list().await.unwrap();
    assert_eq!(list.files, []);
}

#[tokio::test]
async fn another_file_at_the_path_is_not_uploaded() {
    let world = World::new();
    let path = world.file("a.txt", "admitted");
    let evil = world.path("outside/secret.txt");
    std::fs::write(&evil, "outside!").unwrap();
    let opened = world.open().await;
    type Swap = (&'static str, fn(&PathBuf, &PathBuf));
    let swaps: [Swap; 4] = [
        ("renamed over", |path, evil| std::fs::rename(evil, path).unwrap()),
        ("linked", |path, evil| {
            std::fs::remove_file(path).unwrap();
            symlink(evil, path).unwrap();
        }),
        ("removed", |path, _| std::fs::remove_file(path).unwrap()),
        ("made a folder", |path, _| {
            std::fs::remove_file(path).unwrap();
            std::fs::create_dir(path).unwrap();
        }),
    ];
    for (how, swap) in swaps {
        let _ = std::fs::remove_dir(&path);
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, "admitted").unwrap();
        std::fs::write(&evil, "outside!").unwrap();
        let error = upload_and(&opened, &path, admitted, || swap(&path, &evil))
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::FileChanged, "{how}: {error}");
        nothing_is_recorded(&opened).await;
    }
}

/// A folder on the way is exchanged for a link: the walk meets the link and stops.
#[tokio::test]
async fn another_folder_on_the_way_is_not_followed() {
    let world = World::new();
    let path = world.file("sub/a.txt", "admitted");
    std::fs::write(world.path("outside/a.txt"), "outside!").unwrap();
    let opened = world.open().await;
    let error = upload_and(&opened, &path, admitted, || {
        std::fs::rename(world.path("files/sub"), world.path("files/was")).unwrap();
        symlink(world.path("outside"), world.path("files/sub")).unwrap();
    })
    .await
    .unwrap_err();
    assert_eq!(error.code, ErrorCode::FileChanged, "{error}");
    nothing_is_recorded(&opened).await;
}

#[tokio::test]
async fn other_bytes_in_the_file_are_a_failure() {
    let world = World::new();
    let path = world.file("a.txt", "admitted");
    let opened = world.open().await;
    for content in ["replaced", "longer than it was"] {
        let error = upload_and(&opened, &path, admitted, || std::fs::write(&path, content).unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::FileChanged, "{content}: {error}");
        nothing_is_recorded(&opened).await;
        std::fs::write(&path, "admitted").unwrap();
    }
    // Left alone it goes through.
    opened.upload(&path).await.unwrap();
}

/// The provider may notice it first; what it says of it is still that the file changed.
#[tokio::test]
async fn a_file_that_became_shorter_is_a_change() {
    let world = World::new();
    let path = world.file("a.txt", "admitted");
    let opened = world.open().await;
    for content in ["less", ""] {
        let error = upload_and(&opened, &path, admitted, || std::fs::write(&path, content).unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::FileChanged, "{content}: {error}");
        nothing_is_recorded(&opened).await;
        std::fs::write(&path, "admitted").unwrap();
    }
}

/// In the middle of the read, with a provider that takes its time.
#[tokio::test]
async fn a_change_under_way_is_a_failure() {
    let world = World::new().with_guest("slow", "slow_reader", "settings = { chunk = 4096, sleep_ms = 5 }");
    let path = world.file("a.bin", vec![1; 256 << 10]);
    let opened = world.open().await;
    let error = upload_and(&opened, &path, under_way, || {
        std::fs::write(&path, vec![2; 256 << 10]).unwrap()
    })
    .await
    .unwrap_err();
    assert_eq!(error.code, ErrorCode::FileChanged, "{error}");
    nothing_is_recorded(&opened).await;
}

/// What a vendor has stored by then goes again.
#[tokio::test]
async fn the_remote_file_of_a_changed_file_is_deleted() {
    let upstream = Upstream::start(Vendor::Openai, Options::with_key("sk-test"))
        .await
        .unwrap();
    let world = World::new();
    let key = world.path("outside/key");
    std::fs::write(&key, "sk-test").unwrap();
    let world = world.config(&format!(
        "[providers.openai]\nsettings = {{ base_url = {url:?} }}\ncredential = {{ header = \"Authorization\", value = \
         \"Bearer ${{file:{key}}}\" }}\n\
         egress = [{{ url = {files:?}, methods = [\"GET\", \"POST\", \"DELETE\"], private = true }}]",
        url = upstream.base_url(),
        key = key.display(),
        files = format!("{}/files", upstream.base_url()),
    ));
    let path = world.file("a.txt", "admitted");
    let opened = world.open().await;
    let request = UploadRequest {
        target: Target::Pinned("openai".into()),
        ..opened.request(&path)
    };
    let changed = AtomicBool::new(false);
    let error = opened
        .gateway
        .upload(&opened.who, request, &|event: Event| {
            if matches!(event, Event::Attempt { .. }) && !changed.swap(true, Ordering::Relaxed) {
                std::fs::write(&path, "replaced").unwrap();
            }
        })
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::FileChanged, "{error}");
    let verbs: Vec<_> = upstream
        .requests()
        .all()
        .into_iter()
        .map(|request| request.method)
        .collect();
    assert!(
        verbs.contains(&"POST".to_owned()) && verbs.contains(&"DELETE".to_owned()),
        "{verbs:?}"
    );
    assert!(upstream.files().is_empty());
}

/// The sandbox makes the check again with nothing but what it holds itself.
#[tokio::test]
async fn the_sandbox_compares_inodes_itself() {
    let cell = Cell::new().await;
    let path = cell.file("a.txt", "admitted");
    let other = cell.file("b.txt", "another");
    let guest = cell.guest("good").await;
    let options = loadlock_tests::options();
    let (input, facts) = cell.admit("a.txt");

    // A handle of another file, for the right path.
    let mut lying = input.clone();
    lying.file = std::fs::File::open(&other).unwrap().into();
    let report = guest.upload(&lying, &facts, &options, None).await;
    assert!(
        matches!(report.outcome, Err(CallError::Input(InputError::Replaced))),
        "{report:?}"
    );
    // The right handle, for the path of another file.
    let mut lying = input.clone();
    lying.relative = "b.txt".into();
    let report = guest.upload(&lying, &facts, &options, None).await;
    assert!(
        matches!(report.outcome, Err(CallError::Input(InputError::Replaced))),
        "{report:?}"
    );
    // Paths that go elsewhere.
    for relative in ["../files/a.txt", "/etc/passwd", "..", "missing", ""] {
        let mut lying = input.clone();
        lying.relative = relative.into();
        let report = guest.upload(&lying, &facts, &options, None).await;
        assert!(
            matches!(report.outcome, Err(CallError::Input(InputError::Open(_)))),
            "{relative}: {report:?}"
        );
    }
    // The path leads to another inode by now.
    std::fs::rename(&other, &path).unwrap();
    let report = guest.upload(&input, &facts, &options, None).await;
    assert!(
        matches!(report.outcome, Err(CallError::Input(InputError::Replaced))),
        "{report:?}"
    );
}

/// Replaced while the guest reads: it goes on reading the inode that was admitted.
#[tokio::test]
async fn a_call_under_way_keeps_its_inode() {
    let cell = Cell::new().await;
    let content = vec![1; 300 << 10];
    let path = cell.file("a.bin", &content);
    let other = cell.file("b.bin", vec![2; 300 << 10]);
    let guest = cell.guest("slow_reader").await;
    let (input, facts) = cell.admit("a.bin");
    let options = loadlock_tests::options();
    let mut call = std::pin::pin!(guest.upload(&input, &facts, &options, None));
    while input.watch.handed() == 0 {
        tokio::select! {
            report = &mut call => panic!("{report:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    std::fs::rename(&other, &path).unwrap();
    let report = call.await;
    assert!(report.outcome.unwrap().is_ok());
    assert_eq!(report.read.unwrap().sha256.unwrap(), loadlock_tests::sha256(&content));
}
