//! Files that are being written: a name of the call's own, then a sync, then a rename. One that is not kept is removed;
//! one whose call was cut off, by the next call that looks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loadlock_sdk::log_warn;
use loadlock_sdk::random;
use loadlock_sdk::types::Failure;
use loadlock_sdk::wasip2::filesystem::types::Descriptor;

use crate::directory::Directory;
use crate::fault;

/// Age after which a leftover was left by a crash, on a host that does not say which calls are under way. A file that
/// is being written is younger: each write renews it.
const LEFTOVER: Duration = Duration::from_secs(3_600);

/// What the host calls the call that is under way.
const THIS_CALL: &str = "LOADLOCK_CALL";
/// The oldest call that is under way.
const OLDEST_CALL: &str = "LOADLOCK_OLDEST_CALL";

const SUFFIX: &str = ".part";

/// A call of this component: the host's run, and a number that grows within it. Only one run at a time has this
/// directory.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    run: String,
    number: u64,
}

impl Call {
    fn from_variable(name: &str) -> Option<Self> {
        Self::parse(&std::env::var(name).ok()?)
    }

    /// Of a temporary name: `<run>-<number>-<random>.part`.
    fn of_name(name: &str) -> Option<Self> {
        Self::parse(name.strip_suffix(SUFFIX)?.rsplit_once('-')?.0)
    }

    fn parse(text: &str) -> Option<Self> {
        let (run, number) = text.split_once('-')?;
        Some(Self {
            run: run.to_owned(),
            number: number.parse().ok()?,
        })
    }

    fn may_be_under_way(&self, oldest: &Self) -> bool {
        self.run == oldest.run && self.number >= oldest.number
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.run, self.number)
    }
}

/// A file under a temporary name.
pub(crate) struct Incoming<'a> {
    directory: &'a Directory,
    name: String,
    file: Descriptor,
    bytes: u64,
    kept: bool,
}

impl<'a> Incoming<'a> {
    pub(crate) fn create(directory: &'a Directory) -> Result<Self, Failure> {
        let name = match Call::from_variable(THIS_CALL) {
            Some(call) => format!("{call}-{}{SUFFIX}", random::token()),
            None => format!("{}{SUFFIX}", random::token()),
        };
        let file = directory.create(&name)?;
        Ok(Self {
            directory,
            name,
            file,
            bytes: 0,
            kept: false,
        })
    }

    /// Appends all of `chunk`.
    pub(crate) fn write(&mut self, mut chunk: &[u8]) -> Result<(), Failure> {
        while !chunk.is_empty() {
            let written = self
                .file
                .write(chunk, self.bytes)
                .map_err(|code| fault::of(code, "write a file"))?;
            let rest = usize::try_from(written).ok().filter(|count| *count > 0);
            chunk = rest
                .and_then(|count| chunk.get(count..))
                .ok_or_else(|| Failure::internal("the host wrote nothing"))?;
            self.bytes += written;
        }
        Ok(())
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the content durable, then gives it its name. The name is durable once `target` has been synced.
    pub(crate) fn keep_as(mut self, target: &Directory, name: &str) -> Result<(), Failure> {
        self.sync()?;
        self.directory.rename(&self.name, target, name)?;
        self.kept = true;
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), Failure> {
        self.file.sync().map_err(|code| fault::of(code, "sync a file"))
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // A failure leaves it to the next upload's cleaning.
            let _ = self.directory.remove(&self.name);
        }
    }
}

/// Removes what a crashed or cancelled upload left behind. Never fails: an upload must not depend on it.
pub(crate) fn remove_leftovers(directory: &Directory) {
    let Ok(names) = directory.names() else {
        return;
    };
    let oldest = Call::from_variable(OLDEST_CALL);
    for name in names {
        let left = match (&oldest, Call::of_name(&name)) {
            (Some(oldest), Some(call)) => !call.may_be_under_way(oldest),
            _ => written(directory, &name).is_some_and(|at| is_leftover(at, SystemTime::now())),
        };
        if left {
            match directory.remove(&name) {
                Ok(_) => log_warn!("removed {name}, left behind by a call that was cut off"),
                Err(failure) => log_warn!("{name} stays: {}", failure.message),
            }
        }
    }
}

fn written(directory: &Directory, name: &str) -> Option<SystemTime> {
    let at = directory.stat(name).ok().flatten()?.data_modification_timestamp?;
    Some(UNIX_EPOCH + Duration::new(at.seconds, at.nanoseconds.min(999_999_999)))
}

/// A file from the future is none: the clock may have been set back.
fn is_leftover(written: SystemTime, now: SystemTime) -> bool {
    now.duration_since(written).is_ok_and(|age| age > LEFTOVER)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_no_call_under_way_is_a_leftover() {
        let oldest = Call::parse("ab12-7").unwrap();
        let under_way = |name: &str| Call::of_name(name).unwrap().may_be_under_way(&oldest);
        assert!(under_way("ab12-7-0011.part") && under_way("ab12-20-0011.part"));
        assert!(!under_way("ab12-6-0011.part") && !under_way("cd34-9-0011.part"));
        assert_eq!(Call::of_name("0011.part"), None);
        assert_eq!(Call::of_name("ab12-x-0011.part"), None);
    }

    #[test]
    fn only_what_is_older_than_an_hour_is_a_leftover() {
        let now = UNIX_EPOCH + Duration::from_secs(10_000);
        assert!(is_leftover(now - Duration::from_secs(3_601), now));
        assert!(!is_leftover(now - Duration::from_secs(3_600), now));
        assert!(!is_leftover(now + Duration::from_secs(9_999), now));
    }
}
