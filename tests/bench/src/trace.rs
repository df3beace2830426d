//! System calls of a server, as `strace` counts them.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::process::Command;

use crate::{Result, failed};

/// The calls that follow from what was uploaded. Waiting (`futex`, `epoll_wait`, `nanosleep`) follows from the scheduler.
pub(crate) const CALLS: [&str; 20] = [
    "read",
    "pread64",
    "readv",
    "preadv",
    "write",
    "pwrite64",
    "writev",
    "sendto",
    "sendmsg",
    "recvfrom",
    "openat",
    "openat2",
    "mkdir",
    "unlink",
    "unlinkat",
    "rmdir",
    "rename",
    "fsync",
    "fdatasync",
    "copy_file_range",
];

/// `strace` around a command, which counts [`CALLS`] into `output` when the command ends. All others run at full speed.
pub(crate) fn traced(command: &Command, output: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "--seccomp-bpf", "-c", "-q", "-U", "name,calls", "-o"])
        .arg(output)
        .arg("-e")
        .arg(format!("trace={}", CALLS.join(",")));
    beneath(strace, command)
}

/// A command with its arguments, surroundings and folder as the last arguments of a `tracer`.
pub(crate) fn beneath(mut tracer: Command, command: &Command) -> Command {
    let command = command.as_std();
    tracer
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            tracer.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        tracer.current_dir(folder);
    }
    tracer
}

/// Calls by name.
pub(crate) fn read(output: &Path) -> Result<BTreeMap<String, u64>> {
    let text = std::fs::read_to_string(output).map_err(failed("strace"))?;
    Ok(parse(&text))
}

fn parse(text: &str) -> BTreeMap<String, u64> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, calls) = (words.next()?, words.next()?.parse().ok()?);
            (name != "total").then(|| (name.to_owned(), calls))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read() {
        let text = "syscall              calls\n---------------- ---------\nread                    12\nfdatasync                3\n---------------- ---------\ntotal                   15\n";
        let expected = [("read".to_owned(), 12), ("fdatasync".to_owned(), 3)];
        assert_eq!(parse(text), BTreeMap::from(expected));
    }
}
