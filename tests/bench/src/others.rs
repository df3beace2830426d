//! Other programs that take uploads, where they are installed.

use crate::Result;
use crate::big::installed;
use crate::report::Group;
use crate::run::Scope;

pub(crate) async fn measure(_scope: &Scope) -> Result<Group> {
    let mut group = Group::default();
    if !installed("litellm").await {
        group.skip(
            "small files against LiteLLM's proxy",
            "`litellm` is not installed",
        );
    }
    Ok(group)
}
