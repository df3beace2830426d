//! System calls of a server, as `strace` counts them.

use std::path::Path;

use tokio::process::Command;

use crate::{Result, failed};

/// The calls that follow from what was uploaded. Waiting (`futex`, `epoll_wait`, `nanosleep`) follows from the
/// scheduler.
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

/// `strace` around a command, which writes every one of [`CALLS`] into `output`. All others run at full speed.
pub(crate) fn traced(command: &Command, output: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "--seccomp-bpf", "-q", "-y", "-s", "0", "-o"])
        .arg(output)
        .arg("-e")
        .arg(format!("trace={}", CALLS.join(",")));
    beneath(strace, command)
}

/// A command with its arguments, surroundings and folder as the last arguments of a `tracer`.
pub(crate) fn beneath(mut tracer: Command, command: &Command) -> Command {
    let command = command.as_std();
    tracer.arg(command.get_program()).args(command.get_args()).env_clear();
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

/// One call.
#[derive(Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) is_sync: bool,
    /// Name of the file whose descriptor is its first argument; of something else that is one, whatever `strace` calls
    /// it.
    pub(crate) file: String,
}

/// What `strace` wrote.
pub(crate) fn read(output: &Path) -> Result<Vec<Call>> {
    let text = std::fs::read_to_string(output).map_err(failed("strace"))?;
    Ok(text.lines().filter_map(parse).collect())
}

/// A call is a line of its thread's number and itself, `7 fdatasync(3</home/journal.redb>) = 0`. One that another
/// thread interrupts has a second line, which has no name before its bracket.
fn parse(line: &str) -> Option<Call> {
    let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    let (name, arguments) = call.split_once('(')?;
    CALLS.contains(&name).then(|| Call {
        is_sync: ["fsync", "fdatasync"].contains(&name),
        file: {
            let path = arguments.split(['<', '>']).nth(1).unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default().to_owned()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_once_and_with_their_file() {
        let text = "\
7  read(3</a>, \"\"..., 9) = 9
12 fdatasync(4</home/x/journal.redb> <unfinished ...>
7  sendto(5<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"\"..., 9) = 9
12 <... fdatasync resumed>) = 0
7  +++ exited with 0 +++
";
        let call = |is_sync, file: &str| Call {
            is_sync,
            file: file.to_owned(),
        };
        let calls: Vec<Call> = text.lines().filter_map(parse).collect();
        assert_eq!(calls[..2], [call(false, "a"), call(true, "journal.redb")]);
        assert_eq!(calls.len(), 3);
    }
}
