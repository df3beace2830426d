//! Data files of other sessions as a session's own, without copying a byte.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::record::Lasting;
use super::{Session, blocking, check_name};
use crate::error::{Error, ErrorCode, Result};

/// The name of the data file that stands at this place of a joined session.
pub(crate) fn part_name(index: usize) -> String {
    format!("joined-{index:05}")
}

impl Session {
    /// Takes the data file `data` of each of these sessions over, in this order, and answers what they are called here.
    /// Durable when it returns: a crash leaves the parts as they were, or the joined session; where it comes in
    /// between, the parts still have their data as well, until [`Session::end_joined`].
    ///
    /// The files get second names in this session's directory, which takes no room.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`], also where the file system of the spool has no hard links;
    /// [`ErrorCode::Internal`] if a part has no such data.
    pub async fn join(&self, parts: &[Self], data: &str) -> Result<Vec<String>> {
        check_name(data)?;
        let mut names = Vec::with_capacity(parts.len());
        let mut links = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let name = part_name(index);
            let Some(len) = part.len_of(data) else {
                return Err(Error::new(ErrorCode::Internal, "a part without data cannot be joined"));
            };
            links.push((part.directory().join(data), self.directory().join(&name), len));
            names.push(name);
        }
        let linked: Vec<_> = links.iter().map(|(_, to, _)| to.clone()).collect();
        let made = blocking({
            let links = links.clone();
            move || links.iter().try_for_each(|(from, to, _)| std::fs::hard_link(from, to))
        })
        .await;
        let made = match made {
            Ok(()) => self.replace(Lasting::Power, |_| Ok(())).await,
            Err(error) => Err(error),
        };
        if let Err(error) = made {
            for link in linked {
                let _ = std::fs::remove_file(link);
            }
            return Err(error);
        }
        // The room that the parts took is this session's from here on.
        for ((part, name), (_, _, len)) in parts.iter().zip(&names).zip(&links) {
            part.forget(data);
            self.noted(name, *len, None);
        }
        Ok(names)
    }

    /// Ends a part that was joined: what it was is known until `expires_at_ms`. It is not synced, as it follows from
    /// the joined session; a start does it again.
    ///
    /// # Errors
    /// As [`Session::update`].
    pub async fn end_joined<T>(
        &self,
        data: &str,
        expires_at_ms: Option<u64>,
        change: impl FnOnce(&mut T) -> Result<()>,
    ) -> Result<()>
    where
        T: Serialize + DeserializeOwned,
    {
        self.end_lasting(Lasting::Process, expires_at_ms, change).await?;
        let path = self.directory().join(data);
        blocking(move || match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }
}
