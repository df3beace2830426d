//! Every order in which a client, the spool and a vendor can make progress, fail and end, for bodies of a few bytes.
//!
//! The rest of the gateway is modelled as it is: the vendor's request reads what [`Tee`] lets it, an attempt may fail at
//! any point and be made again from the spool, and what is put off is sent once when the body is whole.

use std::collections::HashSet;

use super::*;

/// Most attempts while it arrives, one retry included.
const ATTEMPTS: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    /// So many bytes are still to be sent.
    Sending(u64),
    /// Everything was sent, and every check passed.
    Ended,
    /// It broke off, or a late check failed.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Upload {
    /// An attempt is under way, and the vendor has so many bytes.
    Sending { attempt: u8, got: u64 },
    /// Put off until the body is whole.
    PutOff,
    /// Its answer was given.
    Stored,
    /// An error was answered; of a vendor whose answer was lost it says so.
    Refused { unknown: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    /// What the client really sends.
    actual: u64,
    tee: Tee,
    client: Client,
    upload: Upload,
    /// Remote files.
    stored: u8,
}

impl World {
    fn new(announced: u64, actual: u64) -> Self {
        Self {
            actual,
            tee: Tee::new(announced),
            client: Client::Sending(actual),
            upload: Upload::Sending { attempt: 1, got: 0 },
            stored: 0,
        }
    }

    fn client_moves(self, next: &mut Vec<Self>) {
        let Client::Sending(left) = self.client else {
            return;
        };
        let mut more = self;
        if left > 0 {
            more.client = Client::Sending(left - 1);
            more.tee.wrote(1);
        } else {
            more.client = Client::Ended;
            more.tee.finished();
        }
        next.push(more);
        // At any time, and after the last byte: a second file, a wrong field.
        let mut gone = self;
        gone.client = Client::Gone;
        gone.tee.broke();
        next.push(gone);
    }

    fn ends(self, ended: CutThroughEnd) -> Self {
        let upload = match self.tee.after(ended) {
            AfterCutThrough::SendWhenWhole => Upload::PutOff,
            AfterCutThrough::End => Upload::Refused { unknown: false },
        };
        Self { upload, ..self }
    }

    fn vendor_moves(self, next: &mut Vec<Self>) {
        let Upload::Sending { attempt, got } = self.upload else {
            return;
        };
        match self.tee.readable() {
            Readable::UpTo(end) if got < end => {
                let upload = Upload::Sending { attempt, got: got + 1 };
                next.push(Self { upload, ..self });
            }
            Readable::UpTo(_) => {}
            // The reader fails, so the request is never whole.
            Readable::Never => {
                next.push(self.ends(CutThroughEnd::Failed));
                return;
            }
        }
        if got == self.tee.size() {
            // Whole at the vendor: stored and answered, or stored and the answer lost (which the retry loop finds), or
            // lost for good.
            let stored = self.stored + 1;
            next.push(Self {
                upload: Upload::Stored,
                stored,
                ..self
            });
            next.push(Self {
                upload: Upload::Refused { unknown: true },
                stored,
                ..self
            });
            next.push(Self {
                upload: Upload::Refused { unknown: true },
                ..self
            });
            return;
        }
        // An incomplete request fails at any point: again from the spool, or it ends.
        if attempt < ATTEMPTS {
            let upload = Upload::Sending {
                attempt: attempt + 1,
                got: 0,
            };
            next.push(Self { upload, ..self });
        }
        next.push(self.ends(CutThroughEnd::Failed));
        next.push(self.ends(CutThroughEnd::Refused));
        if self.tee.starves(got) {
            next.push(self.ends(CutThroughEnd::Starved));
        }
    }

    /// Once its body is whole, what was put off is stored as every other upload, with its true size.
    fn later(self, next: &mut Vec<Self>) {
        if self.upload != Upload::PutOff {
            return;
        }
        match self.client {
            Client::Ended => next.push(Self {
                upload: Upload::Stored,
                stored: self.stored + 1,
                ..self
            }),
            Client::Gone => next.push(Self {
                upload: Upload::Refused { unknown: false },
                ..self
            }),
            Client::Sending(_) => {}
        }
    }

    fn next(self) -> Vec<Self> {
        let mut next = Vec::new();
        self.client_moves(&mut next);
        self.vendor_moves(&mut next);
        self.later(&mut next);
        next
    }

    fn check(self) {
        assert!(self.stored <= 1, "stored twice: {self:?}");
        match self.upload {
            Upload::Stored => {
                assert_eq!((self.stored, self.client), (1, Client::Ended), "{self:?}");
            }
            Upload::Refused { unknown: false } | Upload::PutOff => {
                assert_eq!(self.stored, 0, "an error for what is stored: {self:?}");
            }
            Upload::Refused { unknown: true } => assert_eq!(self.client, Client::Ended, "{self:?}"),
            Upload::Sending { got, .. } => {
                assert!(got <= self.tee.spooled(), "read ahead of the spool: {self:?}");
                let whole = self.client == Client::Ended && self.actual == self.tee.size();
                assert!(got < self.tee.size() || whole, "the last byte left too early: {self:?}");
            }
        }
        if self.client == Client::Gone {
            assert_eq!(self.stored, 0, "{self:?}");
        }
    }
}

#[test]
fn whatever_the_order_nothing_is_stored_twice_or_without_its_client() {
    let mut ends = HashSet::new();
    for announced in 1..=3 {
        for actual in 0..=4 {
            let mut seen = HashSet::from([World::new(announced, actual)]);
            let mut queue: Vec<World> = seen.iter().copied().collect();
            while let Some(world) = queue.pop() {
                world.check();
                let next = world.next();
                let over = matches!(world.upload, Upload::Stored | Upload::Refused { .. });
                assert!(over || !next.is_empty(), "stuck: {world:?}");
                if over {
                    ends.insert((world.upload, world.client, announced == actual));
                }
                queue.extend(next.into_iter().filter(|world| seen.insert(*world)));
            }
        }
    }
    // Every end is reached, so the model is not empty.
    for end in [
        (Upload::Stored, Client::Ended, true),
        (Upload::Stored, Client::Ended, false),
        (Upload::Refused { unknown: false }, Client::Gone, true),
        (Upload::Refused { unknown: true }, Client::Ended, true),
    ] {
        assert!(ends.contains(&end), "{end:?} is never reached");
    }
}

#[test]
fn a_reader_is_told_as_soon_as_there_is_something_to_read_or_never_will_be() {
    let mut tee = Tee::new(3);
    assert!(!tee.answers(0) && tee.starves(0));
    tee.wrote(2);
    assert!(tee.answers(1) && !tee.answers(2) && tee.starves(2) && !tee.starves(1));
    tee.wrote(1);
    assert!(tee.starves(2), "the last byte is kept back");
    let mut broken = tee;
    broken.broke();
    assert!(broken.answers(2) && !broken.starves(2) && broken.readable() == Readable::Never);
    tee.finished();
    assert!(tee.answers(2) && tee.answers(3) && tee.released() && !tee.starves(3));
    tee.broke();
    assert!(tee.released(), "what is whole stays whole");
    let mut longer = Tee::new(1);
    longer.wrote(2);
    assert!(longer.differs() && !longer.has_ended() && longer.readable() == Readable::Never);
    longer.finished();
    assert!(longer.differs() && longer.has_ended());
}
