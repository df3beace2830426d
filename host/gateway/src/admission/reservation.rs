//! A share of the spool's ceiling.

use super::Space;
use crate::error::Result;

/// Bytes counted against `limits.spool_size` that a front door keeps outside of the spool; given back when dropped.
#[derive(Debug)]
pub struct Room {
    bytes: u64,
    space: Space,
}

impl Room {
    pub(crate) fn new(space: Space) -> Self {
        Self { bytes: 0, space }
    }

    /// Without a ceiling that it could share: for tests.
    pub fn unlimited() -> Self {
        Self::new(Space::new(u64::MAX))
    }

    /// Takes more.
    ///
    /// # Errors
    /// [`crate::ErrorCode::SpoolFull`] if the ceiling would be passed; nothing is taken then.
    pub fn grow(&mut self, bytes: u64) -> Result<()> {
        self.space.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Counts bytes that are there already, whatever the ceiling: after a restart with a lower one they are no less
    /// there.
    pub fn count(&mut self, bytes: u64) {
        self.space.count(bytes);
        self.bytes += bytes;
    }

    /// Holds at most `bytes` from now on; the rest is given back.
    pub fn shrink_to(&mut self, bytes: u64) {
        let back = self.bytes.saturating_sub(bytes);
        self.space.give_back(back);
        self.bytes -= back;
    }

    /// Nothing is given back: whoever takes these bytes over gives them back.
    pub(crate) fn hand_over(&mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }

    /// What it holds.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn shares_of_one_ceiling() {
        let space = Space::new(10);
        let mut a = Room::new(space.clone());
        let mut b = Room::new(space.clone());
        a.grow(6).unwrap();
        assert_eq!(b.grow(5).unwrap_err().code, ErrorCode::SpoolFull);
        b.grow(4).unwrap();
        a.shrink_to(2);
        b.grow(4).unwrap();
        drop(a);
        assert_eq!(space.used(), 8);
        b.count(100);
        drop(b);
        assert_eq!(space.used(), 0);
    }
}
