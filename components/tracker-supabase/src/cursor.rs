//! Where a page ended: the last row that was looked at, as JSON in hexadecimal.

use loadlock_sdk::types::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

/// The place after which the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cursor {
    /// Created, id.
    File(u64, String),
    /// Account, remote id.
    Remote(String, String),
}

impl Cursor {
    pub(crate) fn write(&self) -> Result<String, Failure> {
        let text = serde_json::to_vec(self).map_err(|error| Failure::internal(error.to_string()))?;
        Ok(hex::encode(text))
    }

    fn read(text: &str) -> Option<Self> {
        serde_json::from_slice(&hex::decode(text).ok()?).ok()
    }

    /// The place in a list of files.
    pub(crate) fn file(text: Option<&str>) -> Result<Option<(u64, String)>, Failure> {
        match text.map(Self::read) {
            None => Ok(None),
            Some(Some(Self::File(created, id))) => Ok(Some((created, id))),
            Some(_) => Err(foreign()),
        }
    }

    /// The place in a list of remote files.
    pub(crate) fn remote(text: Option<&str>) -> Result<Option<(String, String)>, Failure> {
        match text.map(Self::read) {
            None => Ok(None),
            Some(Some(Self::Remote(account, id))) => Ok(Some((account, id))),
            Some(_) => Err(foreign()),
        }
    }
}

fn foreign() -> Failure {
    Failure::new(
        FailureKind::Rejected,
        "the cursor does not belong to this list; start again without a cursor",
    )
    .with_code("bad_cursor")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_by_its_own_list_alone() {
        let file = Cursor::File(5, "f\"1".into()).write().unwrap();
        let remote = Cursor::Remote("a".into(), "r".into()).write().unwrap();
        assert_eq!(Cursor::file(Some(&file)).unwrap(), Some((5, "f\"1".into())));
        assert_eq!(Cursor::remote(None).unwrap(), None);
        for text in [remote.as_str(), "", "zz", "00", &format!("{file}00")] {
            let failure = Cursor::file(Some(text)).unwrap_err();
            assert_eq!(failure.code.as_deref(), Some("bad_cursor"), "{text}");
        }
        assert!(Cursor::remote(Some(&file)).is_err());
    }
}
