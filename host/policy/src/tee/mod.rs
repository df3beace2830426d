//! A body that is sent to a vendor while its client still sends it: how much of it may be read, and what follows when
//! an attempt ends before the body is whole.
//!
//! The client's bytes go into the spool, and the vendor's request is read from there, as far as the spool has them.
//! **The last byte is kept back** until the body is whole and everything that could speak against it was looked at. A
//! request that lacks a byte of its declared length is incomplete and is not to be processed (RFC 9112, section 8), so
//! until then nothing can be stored, whatever the client and the vendor do.
//!
//! [`Tee`] decides; it neither waits nor reads:
//!
//! ```
//! use loadlock_policy::tee::{Readable, Tee};
//!
//! let mut tee = Tee::new(10);
//! tee.wrote(4);
//! assert_eq!(tee.readable(), Readable::UpTo(4));
//! tee.wrote(6);
//! // Every byte is there, but a second file or a wrong field may still follow it.
//! assert_eq!(tee.readable(), Readable::UpTo(9));
//! tee.finished();
//! assert_eq!(tee.readable(), Readable::UpTo(10));
//! ```

#[cfg(test)]
mod exhaustive;

/// How far a body has come that is sent on while it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tee {
    /// Bytes that were announced, and that the vendor was told.
    size: u64,
    /// Bytes that are in the spool, without a gap.
    spooled: u64,
    stage: TeeStage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum TeeStage {
    /// More may come.
    Coming,
    /// All of it is there and nothing speaks against it: the last byte may leave.
    Whole,
    /// It is whole, but has another size than the vendor was told.
    OtherSize,
    /// It will never be whole, or must not be stored.
    Broken,
}

/// How much may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Readable {
    /// The bytes before this offset, and more later unless it is the size.
    UpTo(u64),
    /// Nothing more, ever: what reads on must fail.
    Never,
}

/// How sending it while it arrives ended without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CutThroughEnd {
    /// The vendor had taken everything that was there, and nothing more came for too long.
    Starved,
    /// The vendor, or what stands before it, says that sending the file again cannot help.
    Refused,
    /// For a reason that may pass: a fault, a deadline, an open breaker.
    Failed,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterCutThrough {
    /// Nothing is stored, and the body is still wanted: it is uploaded as every other once it is whole.
    SendWhenWhole,
    /// The upload ends with this end.
    End,
}

impl Tee {
    /// A body of so many bytes, of which none has come.
    pub const fn new(size: u64) -> Self {
        Self {
            size,
            spooled: 0,
            stage: TeeStage::Coming,
        }
    }

    /// Bytes that were announced.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that are in the spool.
    pub const fn spooled(&self) -> u64 {
        self.spooled
    }

    /// So many more bytes are in the spool.
    pub const fn wrote(&mut self, bytes: u64) {
        self.spooled = self.spooled.saturating_add(bytes);
    }

    /// The client has sent everything, and every check has passed.
    pub const fn finished(&mut self) {
        if matches!(self.stage, TeeStage::Coming) {
            self.stage = if self.spooled == self.size {
                TeeStage::Whole
            } else {
                TeeStage::OtherSize
            };
        }
    }

    /// The client broke off, or a check failed. What is whole stays whole.
    pub const fn broke(&mut self) {
        if matches!(self.stage, TeeStage::Coming) {
            self.stage = TeeStage::Broken;
        }
    }

    /// How much may be read.
    pub const fn readable(&self) -> Readable {
        match self.stage {
            // More than was announced: it cannot become what the vendor was told.
            TeeStage::Coming if self.spooled > self.size => Readable::Never,
            TeeStage::Coming if self.spooled == self.size => Readable::UpTo(self.size.saturating_sub(1)),
            TeeStage::Coming => Readable::UpTo(self.spooled),
            TeeStage::Whole => Readable::UpTo(self.size),
            TeeStage::OtherSize | TeeStage::Broken => Readable::Never,
        }
    }

    /// Whether there is something to read at `offset`, or it is certain that there never will be.
    pub const fn answers(&self, offset: u64) -> bool {
        match self.readable() {
            Readable::UpTo(end) => offset < end || offset >= self.size,
            Readable::Never => true,
        }
    }

    /// Whether the vendor may have all of it. Before that, nothing can be stored.
    pub const fn released(&self) -> bool {
        matches!(self.stage, TeeStage::Whole)
    }

    /// Whether nothing more comes: it is whole, or broken.
    pub const fn has_ended(&self) -> bool {
        !matches!(self.stage, TeeStage::Coming)
    }

    /// Whether it cannot be what the vendor was told, although its client goes on sending it or has sent it.
    pub const fn differs(&self) -> bool {
        matches!(self.stage, TeeStage::OtherSize)
            || (matches!(self.stage, TeeStage::Coming) && self.spooled > self.size)
    }

    /// Whether whoever has read so many bytes waits for the client.
    pub const fn starves(&self, read: u64) -> bool {
        matches!(self.stage, TeeStage::Coming) && !self.answers(read)
    }

    /// What follows when sending it while it arrives has ended without success.
    pub const fn after(&self, ended: CutThroughEnd) -> AfterCutThrough {
        match (self.stage, ended) {
            // The client's own end is the upload's.
            (TeeStage::Broken, _) => AfterCutThrough::End,
            // The vendor may have everything: the retry loop has looked, and its word is the last.
            (TeeStage::Whole, _) => AfterCutThrough::End,
            // What the vendor was told is not the file.
            (TeeStage::OtherSize, _) => AfterCutThrough::SendWhenWhole,
            (TeeStage::Coming, CutThroughEnd::Refused) if self.spooled <= self.size => AfterCutThrough::End,
            (TeeStage::Coming, _) => AfterCutThrough::SendWhenWhole,
        }
    }
}
