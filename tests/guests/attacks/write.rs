//! Changing what is in the grant.

use guests::report::Attempts;

use super::{grant_of, grants, open, sibling_name, state};
use crate::filesystem::types::{Descriptor, DescriptorFlags, NewTimestamp, OpenFlags, PathFlags};

/// Tries to change the admitted file at `path`, its sibling and its folder in every way that the interface has.
pub(crate) fn write_attacks(path: &str, attempts: &mut Attempts) {
    let Some((root, own)) = grant_of(path) else {
        attempts.allowed("no-grant-holds-the-file", path);
        return;
    };
    let directory = &root.directory;
    for (target, name) in [("own", own.as_str()), ("sibling", &sibling_name())] {
        for (how, open_flags, flags) in [
            ("write", OpenFlags::empty(), DescriptorFlags::WRITE),
            (
                "read-write",
                OpenFlags::empty(),
                DescriptorFlags::READ | DescriptorFlags::WRITE,
            ),
            ("truncate", OpenFlags::TRUNCATE, DescriptorFlags::WRITE),
            // Truncating needs no write flag on some systems.
            ("truncate-read", OpenFlags::TRUNCATE, DescriptorFlags::READ),
            ("mutate", OpenFlags::empty(), DescriptorFlags::MUTATE_DIRECTORY),
        ] {
            let opened = directory.open_at(PathFlags::empty(), name, open_flags, flags);
            attempts.note(&format!("{how}.{target}"), opened);
        }
        let now = NewTimestamp::Now;
        attempts.note(
            &format!("times.{target}"),
            directory.set_times_at(PathFlags::empty(), name, now, now),
        );
        attempts.note(&format!("unlink.{target}"), directory.unlink_file_at(name));
        attempts.note(
            &format!("rename.{target}"),
            directory.rename_at(name, directory, "renamed-by-guest"),
        );
        attempts.note(
            &format!("link.{target}"),
            directory.link_at(PathFlags::empty(), name, directory, "linked-by-guest"),
        );
        if let Some(state) = state() {
            let into = &state.directory;
            attempts.note(
                &format!("link-to-state.{target}"),
                directory.link_at(PathFlags::empty(), name, into, &format!("linked-{target}")),
            );
            attempts.note(
                &format!("rename-to-state.{target}"),
                directory.rename_at(name, into, &format!("renamed-{target}")),
            );
        }
    }
    create(directory, attempts);
    if let Ok(file) = open(directory, PathFlags::empty(), &own) {
        through_descriptor(&file, attempts);
    }
    for other in grants() {
        if other.path != root.path {
            let opened = other.directory.open_at(
                PathFlags::empty(),
                "created-by-guest",
                OpenFlags::CREATE,
                DescriptorFlags::WRITE,
            );
            attempts.note(&format!("create.{}", other.path), opened);
        }
    }
}

/// New entries in the folder.
fn create(directory: &Descriptor, attempts: &mut Attempts) {
    for (how, open_flags, flags) in [
        ("create", OpenFlags::CREATE, DescriptorFlags::WRITE),
        ("create-read", OpenFlags::CREATE, DescriptorFlags::READ),
        (
            "create-new",
            OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
            DescriptorFlags::READ | DescriptorFlags::WRITE,
        ),
    ] {
        let name = format!("{how}-by-guest");
        let opened = directory.open_at(PathFlags::empty(), &name, open_flags, flags);
        attempts.note(how, opened);
    }
    attempts.note("mkdir", directory.create_directory_at("made-by-guest"));
    attempts.note("rmdir", directory.remove_directory_at("made-by-guest"));
    attempts.note("symlink", directory.symlink_at("/", "symlink-by-guest"));
    attempts.note("symlink-up", directory.symlink_at("..", "up-by-guest"));
    let now = NewTimestamp::Now;
    attempts.note("times.folder", directory.set_times(now, now));
    if let Some(state) = state() {
        // From the writable directory into the grant.
        let made = state.directory.open_at(
            PathFlags::empty(),
            "from-state",
            OpenFlags::CREATE,
            DescriptorFlags::WRITE,
        );
        if made.is_ok() {
            attempts.note(
                "rename-from-state",
                state.directory.rename_at("from-state", directory, "moved-by-guest"),
            );
            attempts.note(
                "link-from-state",
                state
                    .directory
                    .link_at(PathFlags::empty(), "from-state", directory, "linked-from-state"),
            );
        }
    }
}

/// Through a descriptor that was opened for reading.
fn through_descriptor(file: &Descriptor, attempts: &mut Attempts) {
    attempts.note("fd.write", file.write(b"overwritten", 0));
    attempts.note("fd.set-size", file.set_size(0));
    let now = NewTimestamp::Now;
    attempts.note("fd.times", file.set_times(now, now));
    // A stream may be handed out as long as nothing can be written to it.
    match file.write_via_stream(0) {
        Ok(stream) => {
            attempts.note("fd.stream", stream.blocking_write_and_flush(b"overwritten"));
        }
        Err(code) => attempts.refused("fd.stream", code),
    }
    match file.append_via_stream() {
        Ok(stream) => {
            attempts.note("fd.append", stream.blocking_write_and_flush(b"appended"));
        }
        Err(code) => attempts.refused("fd.append", code),
    }
}
