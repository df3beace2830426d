//! Opens 10,000 pollables, streams, header maps and descriptors in `upload` and drops none: the cap on resources must
//! end the call.

use std::mem::forget;

use guests::Provider;
use guests::words::*;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types;

struct Hostile;

impl Provider for Hostile {
    fn upload(file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        let directories = get_directories();
        let found = directories.iter().find_map(|(directory, path)| {
            let below = file.path.strip_prefix(path.as_str())?;
            Some((directory, below.trim_start_matches('/')))
        });
        let Some((directory, name)) = found else {
            return Err(guests::report("no grant holds the file"));
        };
        let kept = (0..10_000).filter(|at| take(at % 4, directory, name)).count();
        Err(guests::report(format!("kept={kept}")))
    }
}

guests::provider!(Hostile);

/// One resource of the given kind, for ever.
fn take(kind: usize, directory: &types::Descriptor, name: &str) -> bool {
    match kind {
        0 => forget(wasip2::clocks::monotonic_clock::subscribe_duration(u64::MAX)),
        1 => forget(wasip2::cli::stderr::get_stderr()),
        2 => forget(wasip2::http::types::Fields::new()),
        _ => {
            let flags = types::DescriptorFlags::READ;
            let opened = directory.open_at(types::PathFlags::empty(), name, types::OpenFlags::empty(), flags);
            return opened.map(forget).is_ok();
        }
    }
    true
}
