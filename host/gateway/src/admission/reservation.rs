//! A share of the spool's ceiling.

use super::space::Space;
use crate::error::Result;

/// Bytes counted against `limits.spool_size`; given back when dropped.
#[derive(Debug)]
pub(crate) struct SpoolReservation {
    bytes: u64,
    space: Space,
}

impl SpoolReservation {
    pub(crate) fn new(space: Space) -> Self {
        Self { bytes: 0, space }
    }

    /// Takes more.
    ///
    /// # Errors
    /// [`crate::ErrorCode::SpoolFull`] if the ceiling would be passed; nothing is taken then.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<()> {
        self.space.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Nothing is given back: whoever takes these bytes over gives them back.
    pub(crate) fn hand_over(&mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }

    /// What it holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for SpoolReservation {
    fn drop(&mut self) {
        self.space.give_back(self.bytes);
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
        let mut a = SpoolReservation::new(space.clone());
        let mut b = SpoolReservation::new(space.clone());
        a.grow(6).unwrap();
        assert_eq!(b.grow(5).unwrap_err().code, ErrorCode::SpoolFull);
        b.grow(4).unwrap();
        assert_eq!(space.used(), 10);
        drop(a);
        assert_eq!(space.used(), 4);
        assert_eq!(b.hand_over(), 4);
        space.give_back(4);
        drop(b);
        assert_eq!(space.used(), 0);
    }
}
