//! Fills its own directory `/state` in one way after the other, as its limit of 1 MiB and 1,000 names must not let it:
//! by writes at an offset, by streams, by appending, by holes, by the length alone, over files without a name, by
//! writing the same bytes again, by files and by folders.

#[path = "../attacks/mod.rs"]
#[allow(dead_code, unused_imports, reason = "only its helpers are used here")]
mod attacks;

use guests::Provider;
use guests::report::Attempts;
use guests::words::*;
use wasip2::filesystem;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

struct Hostile;

const LIMIT: u64 = 1 << 20;
const CHUNK: usize = 64 << 10;

fn create(state: &Descriptor, name: &str) -> Result<Descriptor, ErrorCode> {
    state.open_at(PathFlags::empty(), name, OpenFlags::CREATE, DescriptorFlags::WRITE)
}

/// Writes on, and says how far it came; never further than twice the limit.
fn fill(file: &Descriptor, mut write: impl FnMut(&Descriptor, u64) -> bool) -> u64 {
    let mut written = 0;
    while written < 2 * LIMIT && write(file, written) {
        written += CHUNK as u64;
    }
    written
}

fn way(state: &Descriptor, name: &str) -> u64 {
    let bytes = vec![7; CHUNK];
    let Ok(file) = create(state, name) else {
        return 0;
    };
    let stream = |offset: Option<u64>| {
        let stream = match offset {
            Some(offset) => file.write_via_stream(offset),
            None => file.append_via_stream(),
        };
        stream.is_ok_and(|stream| {
            bytes
                .chunks(4096)
                .all(|part| stream.blocking_write_and_flush(part).is_ok())
        })
    };
    match name {
        "write" => fill(&file, |file, at| file.write(&bytes, at).is_ok()),
        "stream" => fill(&file, |_, at| stream(Some(at))),
        "append" => fill(&file, |_, _| stream(None)),
        "hole" => fill(&file, |file, at| file.write(b"x", at + CHUNK as u64 - 1).is_ok()),
        "length" => fill(&file, |file, at| file.set_size(at + CHUNK as u64).is_ok()),
        "nameless" => {
            let _ = state.unlink_file_at(name);
            fill(&file, |file, at| file.write(&bytes, at).is_ok())
        }
        "again" => fill(&file, |file, _| file.write(&bytes, 0).is_ok()),
        _ => 0,
    }
}

impl Provider for Hostile {
    fn upload(file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        let mut attempts = Attempts::new();
        let Some(state) = attacks::state() else {
            return Err(guests::report("no /state"));
        };
        let state = &state.directory;
        let name = file.name.trim_end_matches(".txt");
        let count = match name {
            "files" => (0..2_000)
                .take_while(|n| create(state, &format!("f{n}")).is_ok())
                .count() as u64,
            // A rename onto itself frees nothing.
            "renamed" => (0..2_000)
                .take_while(|n| {
                    let name = format!("r{n}");
                    create(state, &name).is_ok() && state.rename_at(&name, state, &name).is_ok()
                })
                .count() as u64,
            "folders" => (0..2_000)
                .take_while(|n| state.create_directory_at(&format!("d{n}")).is_ok())
                .count() as u64,
            way_in => way(state, way_in) / CHUNK as u64,
        };
        // Room is left for nothing more.
        let most = if matches!(name, "files" | "renamed" | "folders") {
            1_000
        } else {
            LIMIT / CHUNK as u64
        };
        if count > most || count == 0 {
            attempts.allowed(name, &count.to_string());
        } else {
            attempts.refused(name, "insufficient-space");
        }
        Err(attempts.into_failure())
    }
}

guests::provider!(Hostile);
