//! `reconcile`: each class of difference, and each reason to change nothing.

use loadlock_gateway::{ErrorCode, Gateway, Reconcile, Reconciled, StepEnd, Unlisted, Verdict};
use loadlock_policy::upkeep::{Action, Reason};
use loadlock_tests::{Opened, Shop, World};
use loadlock_upstream::{Answer, Fault, Operation};

use super::{count, sheet};

async fn reconcile(gateway: &Opened, request: Reconcile) -> Reconciled {
    let open = &gateway.gateway;
    open.reconcile(&gateway.who, request).await.unwrap()
}

fn dry_run() -> Reconcile {
    Reconcile {
        dry_run: true,
        ..Reconcile::default()
    }
}

/// What was done about a remote id.
fn step<'a>(done: &'a Reconciled, id: &str) -> Option<(&'a Action, &'a StepEnd)> {
    let steps = done.providers.iter().flat_map(|one| &one.steps);
    let of = |action: &Action| match action {
        Action::MarkMissing { remote_id }
        | Action::MarkLive { remote_id }
        | Action::Delete { remote_id, .. }
        | Action::Forget { remote_id } => remote_id == id,
        Action::LeaveAlone { file, .. } => file.id == id,
    };
    let mut found = steps.filter(|step| of(&step.action));
    found.next().map(|step| (&step.action, &step.end))
}

/// One of each: stored, lost, dying, gone while dying, a leftover of a failed upload, somebody else's.
struct Mess {
    stored: String,
    lost: String,
    dying: String,
    gone: String,
    leftover: String,
    foreign: String,
}

async fn mess(world: &World, shop: &Shop, gateway: &Opened) -> Mess {
    let mut ids = Vec::new();
    for name in ["stored", "lost", "dying", "gone"] {
        let path = world.file(&format!("{name}.txt"), format!("content of {name}"));
        ids.push(gateway.upload_pinned(shop.name, path).await.unwrap());
    }
    let [stored, lost, dying, gone] = ids.try_into().unwrap();
    let faults = shop.upstream.faults();
    for file in [&dying, &gone] {
        faults.push(Operation::Delete, Fault::status(503));
        gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    }
    assert_eq!(faults.waiting(), 0);
    // An upload that the vendor refused and stored all the same, under the name with its mark.
    let refusal = Fault::StoredAnswer(Answer::status(400));
    faults.push(Operation::Create, refusal);
    let refused = world.file("refused.txt", "refused");
    gateway.upload_pinned(shop.name, refused).await.unwrap_err();
    let files = shop.upstream.files();
    let leftover = files.all().pop().unwrap();
    assert!(leftover.filename.starts_with("refused-"), "{leftover:?}");
    let foreign = files.put("refused.txt", "file-extract", b"refused");
    assert!(files.lose(&lost.remote_id) && files.lose(&gone.remote_id));
    Mess {
        stored: stored.remote_id,
        lost: lost.remote_id,
        dying: dying.remote_id,
        gone: gone.remote_id,
        leftover: leftover.id,
        foreign: foreign.id,
    }
}

#[tokio::test]
async fn each_class_is_put_right_or_left_alone() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let gateway = world.open().await;
    let mess = mess(&world, &shop, &gateway).await;
    assert!(!sheet(&gateway).await.balanced);

    // A dry run names the same steps and changes nothing, here or there.
    let (ids, before) = (remote_ids(&shop), sheet(&gateway).await);
    let planned = reconcile(&gateway, dry_run()).await;
    assert!(planned.succeeded());
    assert_eq!((remote_ids(&shop), sheet(&gateway).await), (ids, before));
    let ends = planned.providers[0].steps.iter().map(|step| &step.end);
    assert!(
        ends.clone().all(|end| matches!(end, StepEnd::Planned | StepEnd::Told)),
        "{planned:?}"
    );

    let done = reconcile(&gateway, Reconcile::default()).await;
    assert!(done.succeeded(), "{done:?}");
    let one = &done.providers[0];
    assert_eq!(one.steps.len(), planned.providers[0].steps.len());
    assert_eq!((one.live, one.matching), (2, 1));
    let deleted = |why| Action::Delete {
        remote_id: String::new(),
        why,
    };
    let is = |id: &str, expected: &Action, end: &StepEnd| {
        let (action, found) = step(&done, id).unwrap_or_else(|| panic!("nothing about {id}"));
        assert_eq!((kind(action), found), (kind(expected), end), "{done:?}");
    };
    assert_eq!(step(&done, &mess.stored), None);
    let missing = Action::MarkMissing {
        remote_id: String::new(),
    };
    is(&mess.lost, &missing, &StepEnd::Done);
    is(&mess.dying, &deleted(Reason::Dying), &StepEnd::Done);
    let forget = Action::Forget {
        remote_id: String::new(),
    };
    is(&mess.gone, &forget, &StepEnd::Done);
    is(&mess.leftover, &deleted(Reason::Leftover), &StepEnd::Done);
    let (action, end) = step(&done, &mess.foreign).unwrap();
    assert_eq!((kind(action), end), ("leave foreign".into(), &StepEnd::Told));
    let mut left = vec![mess.stored.clone(), mess.foreign.clone()];
    left.sort();
    assert_eq!(remote_ids(&shop), left);

    // The lost one is never handed out again, and the books agree.
    let again = world.file("again.txt", "content of lost");
    assert!(!gateway.upload(again).await.unwrap().deduplicated);
    let sheet = sheet(&gateway).await;
    assert!(sheet.balanced, "{sheet:?}");
    let rest = reconcile(&gateway, Reconcile::default()).await;
    assert_eq!(rest.providers[0].steps.len(), 1, "{rest:?}");
}

/// The action without its id.
fn kind(action: &Action) -> String {
    match action {
        Action::MarkMissing { .. } => "missing".into(),
        Action::MarkLive { .. } => "live".into(),
        Action::Forget { .. } => "forget".into(),
        Action::Delete { why, .. } => format!("delete {why:?}").to_lowercase(),
        Action::LeaveAlone { why, .. } => format!("leave {why:?}").to_lowercase(),
    }
}

fn remote_ids(shop: &Shop) -> Vec<String> {
    let files = shop.upstream.files().all();
    let mut ids: Vec<String> = files.into_iter().map(|file| file.id).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn what_comes_back_is_live_again() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    let all = shop.upstream.files().all();
    shop.upstream.files().lose(&file.remote_id);
    let done = reconcile(&gateway, Reconcile::default()).await;
    assert_eq!(step(&done, &file.remote_id).unwrap().1, &StepEnd::Done);
    shop.upstream.files().restore(all[0].clone());
    let done = reconcile(&gateway, Reconcile::default()).await;
    let (action, end) = step(&done, &file.remote_id).unwrap();
    assert_eq!((kind(action), end), ("live".into(), &StepEnd::Done));
    assert!(sheet(&gateway).await.balanced);
}

#[tokio::test]
async fn too_much_at_once_needs_a_persons_word() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let gateway = world.open().await;
    for number in 0..11 {
        let path = world.file(&format!("{number}.txt"), format!("content {number}"));
        let file = gateway.upload(&path).await.unwrap();
        shop.upstream.files().lose(&file.remote_id);
    }
    let refused = reconcile(&gateway, Reconcile::default()).await;
    assert!(!refused.succeeded());
    assert!(
        matches!(refused.providers[0].verdict, Verdict::TooMuch(mass) if mass.marks == 11),
        "{refused:?}"
    );
    assert_eq!(count(&sheet(&gateway).await, "missing remote files"), 0);
    let allowed = Reconcile {
        allow_mass: true,
        ..Reconcile::default()
    };
    assert!(reconcile(&gateway, allowed).await.succeeded());
    assert_eq!(count(&sheet(&gateway).await, "missing remote files"), 11);
}

#[tokio::test]
async fn without_a_complete_list_nothing_is_changed() {
    let (shop, silent) = (Shop::kimi().await, Shop::zai().await);
    let world = silent.join(shop.join(World::new()));
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("kimi", &path).await.unwrap();
    shop.upstream.files().lose(&file.remote_id);
    shop.upstream.faults().always(Operation::List, Fault::status(503));
    let done = reconcile(&gateway, Reconcile::default()).await;
    assert!(!done.succeeded());
    let verdicts: Vec<&Verdict> = done.providers.iter().map(|one| &one.verdict).collect();
    assert!(
        matches!(
            verdicts.as_slice(),
            [
                Verdict::NotListed(Unlisted::Failed(_)),
                Verdict::NotListed(Unlisted::CannotList)
            ]
        ),
        "{verdicts:?}"
    );
    assert!(!sheet(&gateway).await.balanced, "nobody could look");
    shop.upstream.faults().clear();
    let stored = sheet(&gateway).await;
    assert_eq!(count(&stored, "missing remote files"), 0);

    // A vendor without a list is told of, and is no failure.
    let request = Reconcile {
        provider: Some("zai".into()),
        ..Reconcile::default()
    };
    assert!(reconcile(&gateway, request).await.succeeded());
}

#[tokio::test]
async fn a_file_that_only_the_list_leaves_out_is_not_marked() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    shop.upstream.files().lose(&file.remote_id);
    shop.upstream.faults().always(Operation::Retrieve, Fault::status(503));
    let done = reconcile(&gateway, Reconcile::default()).await;
    let (_, end) = step(&done, &file.remote_id).unwrap();
    assert!(matches!(end, StepEnd::Failed(_)), "{done:?}");
    assert!(!done.succeeded());
    assert_eq!(count(&sheet(&gateway).await, "missing remote files"), 0);
}

#[tokio::test]
async fn an_unreadable_ledger_refuses_everything() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    shop.upstream.faults().push(Operation::Delete, Fault::status(503));
    gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    drop(gateway);
    let ledger = world.path("home/tracker/ledger");
    for entry in std::fs::read_dir(ledger).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, vec![0x5a; bytes.len()]).unwrap();
    }
    let mut setup = world.setup();
    setup.look_only = true;
    let gateway = Gateway::open(setup).await.unwrap();
    let who = loadlock::local::authenticate(&gateway).await.unwrap();
    let before = remote_ids(&shop);
    for request in [Reconcile::default(), dry_run()] {
        let error = gateway.reconcile(&who, request).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::TrackerFailed, "{error}");
    }
    let error = gateway.fsck(&who).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::TrackerFailed, "{error}");
    assert_eq!(remote_ids(&shop), before);
}

#[tokio::test]
async fn it_takes_an_administrator() {
    let world = World::new();
    let gateway = world.open().await;
    let somebody = gateway.network("acme").await;
    let open = &gateway.gateway;
    let error = open.reconcile(&somebody, dry_run()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    let error = open.fsck(&somebody).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
}
