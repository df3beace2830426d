//! Files with more than one name.
//!
//! A hard link inside a root may be another name of a file outside of it, and nothing on disk says where the other
//! names are. Linux lets a user link only what they own or may write (`protected_hardlinks`), but not every kernel is
//! so configured, and where the gateway runs as the person who owns the secrets, that is no protection.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What to do with a file that has more than one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HardLinks {
    /// Refuse it. The one rule that needs no assumption about who could have made the link.
    #[default]
    Refuse,
    /// Take it if the gateway's own user owns it. Safe where nobody else may write beneath the root, or where the
    /// kernel has `fs.protected_hardlinks = 1`.
    SameOwner,
    /// Take it. For roots whose every file has several names: backups made of links, package stores.
    Allow,
}

/// What `fstat` says of the open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Number of names.
    pub links: u64,
    /// Owner's user id.
    pub owner: u32,
}

/// A file that is refused for its other names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HardLinkRefused {
    /// More than one name, under [`HardLinks::Refuse`].
    #[error(
        "the file has {links} names (hard links), some of which may be outside the granted root; copy it, or send \
         its bytes"
    )]
    Linked {
        /// Number of names.
        links: u64,
    },
    /// More than one name and another owner, under [`HardLinks::SameOwner`].
    #[error(
        "the file has {links} names (hard links) and belongs to user {owner}, not to the gateway's user; copy it, or \
         send its bytes"
    )]
    ForeignOwner {
        /// Number of names.
        links: u64,
        /// Owner's user id.
        owner: u32,
    },
}

/// Whether the open file may be admitted. `gateway` is the gateway's effective user id.
///
/// # Errors
/// [`HardLinkRefused`] if it has other names and the rule does not take that.
///
/// ```
/// use loadlock_policy::paths::{FileFacts, HardLinks, check_links};
/// assert!(check_links(FileFacts { links: 1, owner: 0 }, HardLinks::Refuse, 1000).is_ok());
/// assert!(check_links(FileFacts { links: 2, owner: 1000 }, HardLinks::Refuse, 1000).is_err());
/// ```
pub const fn check_links(file: FileFacts, rule: HardLinks, gateway: u32) -> Result<(), HardLinkRefused> {
    let FileFacts { links, owner } = file;
    if links <= 1 {
        return Ok(());
    }
    match rule {
        HardLinks::Allow => Ok(()),
        HardLinks::SameOwner if owner == gateway => Ok(()),
        HardLinks::SameOwner => Err(HardLinkRefused::ForeignOwner { links, owner }),
        HardLinks::Refuse => Err(HardLinkRefused::Linked { links }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_are_refused_unless_the_rule_takes_them() {
        for (links, owner, rule, ok) in [
            (1, 0, HardLinks::Refuse, true),
            (2, 1000, HardLinks::Refuse, false),
            (2, 1000, HardLinks::SameOwner, true),
            (2, 0, HardLinks::SameOwner, false),
            (2, 0, HardLinks::Allow, true),
            (0, 0, HardLinks::Refuse, true),
        ] {
            let answer = check_links(FileFacts { links, owner }, rule, 1000);
            assert_eq!(answer.is_ok(), ok, "{links} {owner} {rule:?}");
        }
        assert_eq!(HardLinks::default(), HardLinks::Refuse);
    }
}
