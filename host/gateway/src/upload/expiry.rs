//! How long a file lives.

use loadlock_policy::model::Retention;

use super::job::UploadJob;
use super::route::RouteLeg;
use crate::state::provider::ProviderUnit;

/// 9999-12-31T23:59:59.999Z, in milliseconds: what a vendor says beyond it means that it keeps the file.
const LAST_INSTANT_MS: u64 = 253_402_300_799_999;
/// Milliseconds that may lie between computing when a file expires and noting when it was accepted.
const TOLERANCE_MS: u64 = 60_000;

/// A remote file that is there, as far as time goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime {
    /// Milliseconds since 1970.
    pub(super) created_at_ms: u64,
    /// Milliseconds since 1970.
    pub(super) expires_at_ms: Option<u64>,
}

/// When an upload that is asked for now expires.
pub(super) fn expiry(now_ms: u64, expires_in_s: Option<u64>) -> Option<u64> {
    expires_in_s.map(|seconds| now_ms.saturating_add(seconds.saturating_mul(1_000)))
}

/// How long the vendor keeps every file of this purpose, in milliseconds, if it does not keep them until they are
/// deleted.
fn retention_ms(unit: &ProviderUnit, purpose: &str) -> Option<u64> {
    match unit.profile.purpose(purpose)?.retention {
        Retention::Fixed(seconds) => Some(seconds.saturating_mul(1_000)),
        _ => None,
    }
}

/// What says when a stored file expires.
pub(crate) struct Life {
    /// What was asked for, in milliseconds since 1970.
    pub(crate) asked_ms: Option<u64>,
    /// What the vendor says, in seconds since 1970.
    pub(crate) vendor_s: Option<u64>,
    /// When it was stored, in milliseconds since 1970.
    pub(crate) stored_ms: u64,
}

impl Life {
    /// The earliest of what was asked for, the vendor's word and its retention.
    pub(crate) fn ends(&self, unit: &ProviderUnit, purpose: &str) -> Option<u64> {
        let vendor = self.vendor_s.map(|seconds| seconds.saturating_mul(1_000));
        let fixed = retention_ms(unit, purpose).map(|retention| self.stored_ms.saturating_add(retention));
        let known = [
            self.asked_ms,
            vendor.filter(|instant| *instant <= LAST_INSTANT_MS),
            fixed,
        ];
        known.into_iter().flatten().min()
    }
}

impl UploadJob<'_> {
    /// When a file that was stored just now expires: by what was asked for, by the vendor's word, by its retention.
    pub(super) fn expires_at(&self, leg: &RouteLeg, vendor_s: Option<u64>) -> Option<u64> {
        let life = Life {
            asked_ms: self.expires_at_ms,
            vendor_s,
            stored_ms: self.state.clock.wall_ms(),
        };
        life.ends(&leg.unit, &leg.purpose)
    }

    /// How long a remote file has to live at least, counted from when it was stored, to be kept as long as any.
    pub(super) fn kept_ms(&self, leg: &RouteLeg) -> Option<u64> {
        Some(retention_ms(&leg.unit, &leg.purpose)?.saturating_sub(TOLERANCE_MS))
    }

    /// Whether a remote file that is there lives as long as this upload asks for. One that goes earlier would take a
    /// file along that was to stay.
    pub(super) fn outlives(&self, leg: &RouteLeg, remote: Lifetime) -> bool {
        let retention = retention_ms(&leg.unit, &leg.purpose);
        lasts(remote, self.expires_at_ms, retention, self.state.clock.wall_ms())
    }
}

/// Whether a remote file that is there stays until `wanted`, or as long as its vendor keeps any.
fn lasts(remote: Lifetime, wanted: Option<u64>, retention_ms: Option<u64>, now_ms: u64) -> bool {
    let Some(expires) = remote.expires_at_ms else {
        return true;
    };
    if expires < now_ms {
        return false;
    }
    let all_it_could = retention_ms.is_some_and(|retention| {
        expires.saturating_add(TOLERANCE_MS) >= remote.created_at_ms.saturating_add(retention)
    });
    all_it_could || wanted.is_some_and(|wanted| wanted <= expires)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(expires_at_ms: Option<u64>) -> Lifetime {
        Lifetime {
            created_at_ms: 1_000_000,
            expires_at_ms,
        }
    }

    #[test]
    fn a_shorter_life_is_not_enough() {
        let lasts = |expires, wanted| lasts(remote(expires), wanted, None, 1_000_000);
        assert!(lasts(None, None) && lasts(None, Some(2_000_000)));
        assert!(lasts(Some(2_000_000), Some(2_000_000)));
        assert!(!lasts(Some(1_999_999), Some(2_000_000)) && !lasts(Some(2_000_000), None));
        assert!(!lasts(Some(999_999), Some(999_998)), "it has expired");
    }

    #[test]
    fn what_a_vendor_keeps_for_a_fixed_time_is_not_stored_again_for_some_more_of_it() {
        let day = Some(86_400_000);
        let all = remote(Some(1_000_000 + 86_400_000 - 5));
        assert!(lasts(all, None, day, 2_000_000));
        assert!(!lasts(all, None, day, 90_000_000), "it has expired");
        assert!(!lasts(remote(Some(5_000_000)), None, day, 2_000_000));
    }

    #[test]
    fn an_expiry_is_counted_from_now() {
        assert_eq!(expiry(5, None), None);
        assert_eq!(expiry(5, Some(1)), Some(1_005));
        let most = expiry(0, Some(36_525 * 86_400));
        assert!(most.is_some_and(|instant| instant < LAST_INSTANT_MS / 2));
    }
}
