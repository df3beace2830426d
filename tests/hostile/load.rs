//! What is refused before anything of it runs.

use std::time::Duration;

use loadlock_gateway::ErrorCode;
use loadlock_sandbox::{
    CallError, CompileOptions, EngineOptions, ImportVerdict, InspectError, LoadError, Role, Source, digest, inspect,
};
use loadlock_tests::{Cell, Logs, World, compile_options, guest, source};

fn bytes(name: &str, bytes: Vec<u8>) -> Source {
    Source {
        name: name.to_owned(),
        bytes: bytes.into(),
        pin: None,
        built_in: false,
    }
}

/// The gateway does not start with it alone, and says why; beside another it alone is out of service.
async fn refused_at_start(guest: &str, part: &str) {
    const LITTLE: &str = "sandbox = { cpu = \"300ms\" }";
    let world = World::new().with_guest("odd", guest, LITTLE);
    let error = world.try_open().await.err().expect("the gateway started");
    assert_eq!(error.code, ErrorCode::ComponentRefused, "{error}");
    assert!(error.message.contains(part), "{error}");
    assert!(!error.hint.is_empty());

    let logs = Logs::start();
    let world = World::new()
        .config("order = [\"odd\", \"local\"]\nrouter.size_threshold = \"1 MiB\"\n[providers.local]")
        .with_guest("odd", guest, LITTLE);
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let log = logs.take();
    assert!(
        log.contains("[PROVIDER] odd is out of service") && log.contains(part),
        "{log}"
    );
    assert!(log.contains("ERROR"), "{log}");
    let shown = gateway.gateway.providers(&gateway.who).await.unwrap();
    let names: Vec<_> = shown.iter().map(|one| (one.name.as_str(), one.order)).collect();
    assert_eq!(names, [("local", Some(2)), ("odd", Some(1))]);
    assert!(shown[0].out_of_service.is_none());
    assert!(shown[1].out_of_service.as_ref().unwrap().contains(part), "{shown:?}");
    let route = gateway
        .gateway
        .route(&gateway.who, gateway.request(&path))
        .await
        .unwrap();
    assert_eq!(route.eligible.len(), 1, "{route:?}");
    assert!(
        route
            .refused
            .iter()
            .any(|one| one.reason == "out_of_service" && one.detail.contains(part)),
        "{route:?}"
    );
    assert!(!gateway.gateway.probe(&gateway.who, "odd").await.unwrap().healthy);
    assert_eq!(gateway.upload(&path).await.unwrap().provider, "local");
    let error = gateway.upload_pinned("odd", &path).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ProviderOutOfService, "{error}");
}

#[tokio::test]
pub(crate) async fn wrong_world() {
    let cell = Cell::new().await;
    let error = cell.beside(cell.refusal(&source("wrong_world"))).await;
    let LoadError::WrongWorld { expected, exports, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*expected, Role::Provider);
    assert!(
        exports
            .iter()
            .any(|export| export.starts_with("elsewhere:thing/greeter")),
        "{exports:?}"
    );
    refused_at_start("wrong_world", "does not export `loadlock:upload/provider@0.2.0`").await;
}

#[tokio::test]
pub(crate) async fn missing_export() {
    let cell = Cell::new().await;
    let error = cell.refusal(&source("missing_export")).await;
    assert!(
        matches!(&error, LoadError::WrongWorld { exports, .. } if exports.is_empty()),
        "{error}"
    );
    // A role that it has none of is no better than another's.
    assert!(matches!(
        cell.refusal(&source("validator_denies_all")).await,
        LoadError::WrongWorld { .. }
    ));
    refused_at_start("missing_export", "does not export `loadlock:upload/provider@0.2.0`").await;
}

#[tokio::test]
pub(crate) async fn profile_changes() {
    let cell = Cell::new().await;
    let guest = cell.guest("profile_changes").await;
    let (first, second) = (guest.profile().await, guest.profile().await);
    assert_ne!(first.outcome.unwrap().unwrap(), second.outcome.unwrap().unwrap());
    refused_at_start("profile_changes", "its profile changes from call to call").await;
}

#[tokio::test]
async fn a_profile_that_never_comes_refuses_the_start() {
    refused_at_start("loop_in_profile", "CPU time").await;
    refused_at_start("loop_in_start", "CPU time").await;
}

#[tokio::test]
async fn what_is_not_a_component_is_named() {
    let cell = Cell::new().await;
    for (content, expected) in [
        (b"#!/bin/sh\necho pwned".to_vec(), InspectError::NotWasm),
        (Vec::new(), InspectError::NotWasm),
        (b"\0asm\x01\0\0\0".to_vec(), InspectError::CoreModule),
    ] {
        let error = cell.refusal(&bytes("odd", content)).await;
        assert!(
            matches!(&error, LoadError::NotAComponent { source, .. } if *source == expected),
            "{error}"
        );
    }
    // Cut off, and claiming more than there is.
    let whole = guest("good");
    for cut in [9, 100, whole.len() / 2, whole.len() - 1] {
        let error = cell.refusal(&bytes("cut", whole[..cut].to_vec())).await;
        assert!(
            matches!(
                &error,
                LoadError::NotAComponent {
                    source: InspectError::Malformed(_),
                    ..
                } | LoadError::WrongWorld { .. }
                    | LoadError::Compile { .. }
            ),
            "{cut}: {error}"
        );
    }
    let mut endless = b"\0asm\x0d\0\x01\0".to_vec();
    section(&mut endless, 11, &[0xff, 0xff, 0xff, 0xff, 0x0f]);
    let error = cell.refusal(&bytes("endless", endless)).await;
    assert!(
        matches!(
            &error,
            LoadError::NotAComponent {
                source: InspectError::Malformed(_),
                ..
            }
        ),
        "{error}"
    );
    cell.store().await;
}

#[tokio::test]
async fn a_pin_is_checked_before_anything_else() {
    let cell = Cell::new().await;
    let right = digest(guest("good"));
    assert!(
        loadlock_sandbox::provider::Provider::load(
            &cell.sandbox,
            &source("good").pinned(Some(right.to_uppercase())),
            cell.grants()
        )
        .await
        .is_ok()
    );
    let wrong = "0".repeat(64);
    let error = cell.refusal(&source("good").pinned(Some(wrong.clone()))).await;
    let LoadError::PinMismatch { expected, found, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((expected, found), (wrong.clone(), right));
    // Not even whether it is WebAssembly is looked at.
    let error = cell.refusal(&bytes("odd", b"text".to_vec()).pinned(Some(wrong))).await;
    assert!(matches!(error, LoadError::PinMismatch { .. }));
}

#[tokio::test]
async fn a_component_is_no_larger_than_allowed() {
    let compile = CompileOptions {
        max_bytes: 1_000,
        ..compile_options()
    };
    // Even the built-in ones would be too large, so no cell.
    let sandbox = loadlock_sandbox::Sandbox::new(
        &EngineOptions {
            pooling: false,
            ..EngineOptions::default()
        },
        compile,
    )
    .unwrap();
    let error = sandbox.examine(&source("good"), Role::Provider).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { limit: 1_000, .. }), "{error}");
    let file = tempfile::NamedTempFile::new().unwrap();
    // Sparse: it must not be read to be refused.
    file.as_file().set_len(1 << 40).unwrap();
    let error = Source::read(file.path(), 1_000).unwrap_err();
    assert!(
        matches!(error, LoadError::TooLarge { size, .. } if size == 1 << 40),
        "{error}"
    );
}

/// Sockets are a name that runtimes always import: it loads, and dies if it uses them.
#[tokio::test]
pub(crate) async fn raw_sockets() {
    let inspection = inspect(guest("raw_sockets")).unwrap();
    let sockets: Vec<_> = inspection
        .imports
        .iter()
        .filter(|import| import.name.starts_with("wasi:sockets/"))
        .collect();
    assert!(sockets.len() >= 4, "{inspection:?}");
    assert!(sockets.iter().all(|import| import.verdict == ImportVerdict::Trapped));
    assert!(
        inspection
            .imports
            .iter()
            .all(|import| import.name.starts_with("wasi:sockets/") || import.verdict == ImportVerdict::Provided)
    );

    let cell = Cell::new().await;
    cell.file("a.txt", "never read");
    let guest = cell.guest("raw_sockets").await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    let Err(CallError::Trap(why)) = &report.outcome else {
        panic!("{report:?}")
    };
    assert!(why.contains("wasi:sockets/"), "{why}");
    assert!(guest.profile().await.outcome.unwrap().is_ok());
}

/// Appends a section: its id, its size, its content.
fn section(out: &mut Vec<u8>, id: u8, content: &[u8]) {
    out.push(id);
    leb(out, content.len());
    out.extend_from_slice(content);
}

fn leb(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

/// A component that looks like a provider and holds `functions` functions, each of `body`.
fn component_of(functions: usize, body: &[u8]) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    // One type: () -> ().
    section(&mut module, 1, &[1, 0x60, 0, 0]);
    let mut declared = Vec::new();
    leb(&mut declared, functions);
    declared.extend(std::iter::repeat_n(0, functions));
    section(&mut module, 3, &declared);
    let mut code = Vec::new();
    leb(&mut code, functions);
    for _ in 0..functions {
        leb(&mut code, body.len());
        code.extend_from_slice(body);
    }
    section(&mut module, 10, &code);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    section(&mut component, 1, &module);
    // An instance without exports, exported under the contract's name.
    section(&mut component, 5, &[1, 1, 0]);
    let name = loadlock_sandbox::export(Role::Provider);
    let mut export = vec![1, 0];
    leb(&mut export, name.len());
    export.extend_from_slice(name.as_bytes());
    export.extend_from_slice(&[5, 0, 0]);
    section(&mut component, 11, &export);
    component
}

/// One function over which every local lives: `local[i] = local[i] + local[i + 1]`, over and over, across branches.
fn tangled(rounds: usize) -> Vec<u8> {
    const LOCALS: usize = 2_000;
    let mut body = vec![1];
    leb(&mut body, LOCALS);
    body.push(0x7f);
    // Everything in a loop, so that every value is live everywhere.
    body.extend_from_slice(&[0x03, 0x40]);
    for round in 0..rounds {
        let (a, b) = (round * 7 % LOCALS, round * 13 % LOCALS);
        for (op, local) in [(0x20, a), (0x20, b)] {
            body.push(op);
            leb(&mut body, local);
        }
        body.push(0x6a);
        body.push(0x21);
        leb(&mut body, a);
        // if local[b] { continue the loop }
        body.push(0x20);
        leb(&mut body, b);
        body.extend_from_slice(&[0x0d, 0x00]);
    }
    body.extend_from_slice(&[0x0b, 0x0b]);
    body
}

fn child() -> Option<(std::path::PathBuf, Vec<String>)> {
    Some((env!("CARGO_BIN_EXE_compile-child").into(), Vec::new()))
}

async fn cell_with(compile: CompileOptions) -> Cell {
    Cell::with(
        EngineOptions {
            slots: 8,
            ..EngineOptions::default()
        },
        compile,
    )
    .await
}

#[tokio::test]
async fn a_child_compiles_what_is_not_built_in() {
    let cell = cell_with(CompileOptions {
        cache: None,
        child: child(),
        ..CompileOptions::default()
    })
    .await;
    let guest = cell.guest("good").await;
    assert!(guest.profile().await.outcome.unwrap().is_ok());
    // The types are looked at last: it compiles, and is not a provider.
    let error = cell.refusal(&bytes("small", component_of(1, &[0, 0x0b]))).await;
    assert!(matches!(error, LoadError::Contract { .. }), "{error}");
    // Without its program there is no falling back to compiling in this process.
    let none = Some(("/nonexistent/compiler".into(), Vec::new()));
    let cell = cell_with(CompileOptions {
        cache: None,
        child: none,
        ..CompileOptions::default()
    })
    .await;
    let error = cell.refusal(&source("good")).await;
    assert!(matches!(error, LoadError::Compile { .. }), "{error}");
}

#[tokio::test]
async fn a_module_that_takes_for_ever_to_compile_is_given_up() {
    let options = CompileOptions {
        cache: None,
        child: child(),
        cpu: Duration::from_secs(1),
        memory_bytes: 4 << 30,
        ..CompileOptions::default()
    };
    let cell = cell_with(options).await;
    let bomb = bytes("bomb", component_of(4, &tangled(100_000)));
    let error = cell.beside(cell.refusal(&bomb)).await;
    assert!(
        matches!(
            &error,
            LoadError::CompileLimit {
                what: "CPU time" | "time",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_module_that_takes_all_memory_to_compile_is_given_up() {
    let options = CompileOptions {
        cache: None,
        child: child(),
        memory_bytes: 300 << 20,
        ..CompileOptions::default()
    };
    let cell = cell_with(options).await;
    let bomb = bytes("bomb", component_of(4, &tangled(100_000)));
    let error = cell.beside(cell.refusal(&bomb)).await;
    assert!(
        matches!(&error, LoadError::CompileLimit { what: "memory", .. }),
        "{error}"
    );
}
