//! Other programs that take or push uploads, where they are installed.

use tokio::process::Command;

use crate::report::Group;
use crate::run::Scope;
use crate::{Result, failed, litellm, rclone};

pub(crate) const GROUP: &str = "others";

pub(crate) async fn measure(scope: &Scope) -> Result<Group> {
    let mut group = Group::default();
    if installed("litellm") {
        litellm::measure(scope, &mut group).await?;
    } else {
        group.skip("small files against LiteLLM's proxy", "`litellm` is not on the PATH");
    }
    if installed("rclone") {
        rclone::measure(scope, &mut group).await?;
    } else {
        group.skip("a file and a folder against rclone", "`rclone` is not on the PATH");
    }
    Ok(group)
}

/// Whether a program is on the `PATH`.
pub(crate) fn installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// The last word of the first line of what a program prints when it is asked for its version.
pub(crate) async fn version(mut command: Command) -> Result<String> {
    let output = command.output().await.map_err(failed("version"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| !line.trim().is_empty());
    let word = line.and_then(|line| line.split_whitespace().last());
    Ok(word.unwrap_or("of unknown version").to_owned())
}
