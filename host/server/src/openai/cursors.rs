//! Cursors that were handed out, by the last file of their page.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Remembered cursors, over all tenants: some 200 bytes each.
const REMEMBERED: usize = 10_000;

/// Cursors by tenant and last file of their page.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    cursors: HashMap<(String, String), String>,
    oldest_first: VecDeque<(String, String)>,
}

impl Places {
    pub(super) fn find(&self, tenant: &str, id: &str) -> Option<String> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.to_owned(), id.to_owned());
        places.cursors.get(&key).cloned()
    }

    pub(super) fn remember(&self, tenant: &str, id: &str, cursor: &str) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.to_owned(), id.to_owned());
        if places.cursors.insert(key.clone(), cursor.to_owned()).is_none() {
            places.oldest_first.push_back(key);
        }
        if places.oldest_first.len() > REMEMBERED
            && let Some(oldest) = places.oldest_first.pop_front()
        {
            places.cursors.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_place_is_forgotten_and_no_tenant_finds_anothers() {
        let places = Places::default();
        for number in 0..=REMEMBERED {
            places.remember("acme", &format!("file-{number}"), "cursor");
        }
        assert_eq!(places.find("acme", "file-0"), None);
        assert!(places.find("acme", "file-1").is_some());
        assert_eq!(places.find("umbrella", "file-1"), None);
    }
}
