//! What is going on while the process dies.

use loadlock_upstream::{Answer, Fault, Operation};

/// A situation, and the last step in which the process dies.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// The shops, in the order of the route; without any it is `local`.
    pub(crate) shops: Vec<&'static str>,
    /// What the first shop does wrong from when the dying process starts.
    pub(crate) faults: Vec<(Operation, Fault)>,
    pub(crate) tracker_down: bool,
    pub(crate) before: Before,
    pub(crate) act: Act,
    pub(crate) body: bool,
    /// Which is sent on while it arrives.
    pub(crate) arriving: bool,
    /// Too large a body to stay in memory.
    pub(crate) large: bool,
    /// A video, which some vendors work on first.
    pub(crate) film: bool,
    pub(crate) key: bool,
    /// `local` gets a copy of each upload first.
    pub(crate) kept: bool,
    /// Somebody who is away is to be told of what is deleted.
    pub(crate) told: bool,
    /// Also die while the vendor, which has the whole request, does not answer this.
    pub(crate) during: Option<Operation>,
    /// Also lose the power wherever the process dies.
    pub(crate) power: bool,
}

/// What happened before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    Nothing,
    /// The same content was uploaded, in the same process.
    Uploaded,
    /// The same content was uploaded twice, in the same process.
    UploadedTwice,
    /// The same content was uploaded by a process whose tracker was away.
    UploadedUnrecorded,
    /// An upload's process died at this place.
    Died(&'static str),
    /// The same, and then the file on disk changed.
    DiedAndChanged(&'static str),
}

impl Before {
    /// Uploads that the dying process makes first.
    pub(crate) fn uploads(self) -> usize {
        match self {
            Self::Uploaded => 1,
            Self::UploadedTwice => 2,
            _ => 0,
        }
    }
}

/// What the process does when it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Upload,
    /// Of what was uploaded before.
    Delete,
    /// Of what was uploaded first, and over which there is another file.
    DeleteFirst,
    /// Of what was uploaded to `local` before, to the first shop.
    Copy,
    /// Starts, and settles.
    Start,
    /// Another component takes the place of the one that stores.
    Swap,
    /// Of a caller who gives up while the vendor, which has everything, is silent.
    GiveUp,
}

impl Scenario {
    fn new(name: impl Into<String>, shops: &[&'static str], act: Act) -> Self {
        Self {
            name: name.into(),
            shops: shops.to_vec(),
            faults: Vec::new(),
            tracker_down: false,
            before: Before::Nothing,
            act,
            body: false,
            arriving: false,
            large: false,
            film: false,
            key: false,
            kept: false,
            told: false,
            during: None,
            // What the machine itself stores is in a body's way, at `local` and in the tracker; of other vendors one
            // stands for all.
            power: shops.is_empty(),
        }
    }

    fn faults(mut self, operation: Operation, faults: &[Fault]) -> Self {
        self.faults
            .extend(faults.iter().map(|fault| (operation, fault.clone())));
        self
    }

    fn before(mut self, before: Before) -> Self {
        self.before = before;
        self
    }

    fn power(mut self) -> Self {
        self.power = true;
        self
    }

    fn body(mut self) -> Self {
        self.body = true;
        self
    }

    fn arriving(mut self) -> Self {
        self.arriving = true;
        self.large()
    }

    fn large(mut self) -> Self {
        self.large = true;
        self.body()
    }

    fn film(mut self) -> Self {
        self.film = true;
        self
    }

    fn key(mut self) -> Self {
        self.key = true;
        self
    }

    fn during(mut self, operation: Operation, fault: Fault) -> Self {
        self.during = Some(operation);
        self.faults(operation, &[fault])
    }

    fn kept(mut self) -> Self {
        self.kept = true;
        self
    }

    fn told(mut self) -> Self {
        self.told = true;
        self
    }

    /// Whether `local` is there too.
    pub(crate) fn beside_local(&self) -> bool {
        self.kept || self.act == Act::Copy
    }

    /// Whether every outcome can be found out.
    pub(crate) fn verifiable(&self) -> bool {
        match self.shops.first() {
            // By digest, and that went with the file.
            None => !matches!(self.before, Before::DiedAndChanged(_)),
            Some(shop) => *shop != NOT_AT_ALL,
        }
    }

    fn tracker_down(mut self) -> Self {
        self.tracker_down = true;
        self.name.push_str(", tracker away");
        self
    }
}

/// Verified by a mark, by an id that was chosen, not at all, and by digest: what the providers differ in when an answer is
/// lost.
const BY_MARK: &str = "kimi";
const BY_CHOSEN_ID: &str = "gemini";
const NOT_AT_ALL: &str = "zai";

/// By an id that was chosen as well, and what is large is sent in parts, which somebody has to end.
const IN_PARTS: &str = "s3";

/// Nothing is left of what was begun, wherever the process dies.
fn in_parts(all: &mut Vec<Scenario>) {
    let parts = |name: &str, act| Scenario {
        large: true,
        ..Scenario::new(format!("s3 {name}"), &[IN_PARTS], act)
    };
    all.push(parts("accepts in parts", Act::Upload));
    for (answer, operation) in [
        ("begins and the answer is lost", Operation::CreateUpload),
        ("completes and the answer is lost", Operation::CompleteUpload),
    ] {
        all.push(parts(answer, Act::Upload).faults(operation, &[Fault::ResetAfter]));
    }
    for (silent, operation, fault) in [
        ("begins and is silent", Operation::CreateUpload, Fault::HangAfter),
        ("is silent in a part", Operation::AddPart, Fault::Hang),
        ("completes and is silent", Operation::CompleteUpload, Fault::HangAfter),
    ] {
        all.push(parts(silent, Act::Upload).during(operation, fault));
    }
    all.push(parts("settles", Act::Start).before(Before::Died("call.after")));
}

pub(crate) fn all() -> Vec<Scenario> {
    let refusal = Fault::Answer(Answer::status(400).message("no"));
    let answers = [
        ("accepts", vec![]),
        ("refuses", vec![refusal]),
        ("stores and the answer is lost", vec![Fault::ResetAfter]),
        ("fails once", vec![Fault::status(503)]),
        ("fails three times", vec![Fault::status(503); 3]),
    ];
    let mut all = Vec::new();
    let vendors: &[&str] = if std::env::var_os("CRASH_ALL").is_some() {
        &[
            BY_MARK,
            NOT_AT_ALL,
            BY_CHOSEN_ID,
            "bigmodel",
            "openai",
            "anthropic",
            IN_PARTS,
        ]
    } else {
        &[BY_MARK, NOT_AT_ALL]
    };
    for shop in vendors {
        for (answer, faults) in &answers {
            let one = Scenario::new(format!("{shop} {answer}"), &[shop], Act::Upload).faults(Operation::Create, faults);
            all.push(one.clone().tracker_down());
            all.push(one);
        }
    }
    let chosen = Scenario::new("gemini stores and the answer is lost", &[BY_CHOSEN_ID], Act::Upload);
    all.push(chosen.faults(Operation::Create, &[Fault::ResetAfter]));
    all.push(Scenario::new("gemini works on a video", &[BY_CHOSEN_ID], Act::Upload).film());
    all.push(Scenario::new("gemini settles", &[BY_CHOSEN_ID], Act::Start).before(Before::Died("call.after")));
    in_parts(&mut all);
    let local = Scenario::new("local", &[], Act::Upload);
    all.push(local.clone().tracker_down());
    all.push(local);
    all.push(Scenario::new("local is swapped", &[], Act::Swap).before(Before::Uploaded));
    let body = Scenario::new("a body", &[BY_MARK], Act::Upload);
    all.push(body.clone().body().power());
    let large = Scenario {
        name: "a large body".to_owned(),
        ..body
    };
    all.push(large.large().power());
    for (answer, faults) in [
        ("accepts", vec![]),
        ("breaks off once", vec![Fault::ResetMiddle { after_bytes: 100_000 }]),
        ("stores and the answer is lost", vec![Fault::ResetAfter]),
    ] {
        let name = format!("a body that arrives, kimi {answer}");
        let one = Scenario::new(name, &[BY_MARK], Act::Upload).faults(Operation::Create, &faults);
        all.push(one.arriving());
    }
    all.push(Scenario::new("a body that arrives, zai", &[NOT_AT_ALL], Act::Upload).arriving());
    all.push(Scenario::new("a body that arrives, local", &[], Act::Upload).arriving());
    all.push(
        Scenario::new("the next provider", &[BY_MARK, "openai"], Act::Upload)
            .faults(Operation::Create, &vec![Fault::status(503); 3]),
    );
    for shop in [BY_MARK, NOT_AT_ALL] {
        for (answer, faults) in &answers[..3] {
            all.push(
                Scenario::new(format!("{shop} {answer}, with a key"), &[shop], Act::Upload)
                    .key()
                    .body()
                    .faults(Operation::Create, faults),
            );
        }
    }
    for shops in [&[BY_MARK][..], &[NOT_AT_ALL], &[]] {
        let name = shops.first().copied().unwrap_or("local");
        for key in [false, true] {
            let mut again =
                Scenario::new(format!("{name} again, key {key}"), shops, Act::Upload).before(Before::Uploaded);
            again.key = key;
            all.push(again);
            let mut again = Scenario::new(format!("{name} again, unrecorded, key {key}"), shops, Act::Upload)
                .before(Before::UploadedUnrecorded)
                .body()
                .tracker_down();
            again.key = key;
            all.push(again);
        }
    }
    for shops in [&[BY_MARK][..], &[]] {
        let name = shops.first().copied().unwrap_or("local");
        all.push(Scenario::new(format!("{name} deletes"), shops, Act::Delete).before(Before::Uploaded));
        all.push(Scenario::new(format!("{name} deletes one of two"), shops, Act::Delete).before(Before::UploadedTwice));
        all.push(
            Scenario::new(format!("{name} deletes the first of two"), shops, Act::DeleteFirst)
                .before(Before::UploadedTwice),
        );
        all.push(Scenario::new(format!("{name} settles"), shops, Act::Start).before(Before::Died("call.after")));
        all.push(
            Scenario::new(format!("{name} settles what was not sent"), shops, Act::Start)
                .before(Before::Died("begin.after")),
        );
        all.push(
            Scenario::new(format!("{name} settles a changed file"), shops, Act::Start)
                .before(Before::DiedAndChanged("call.after")),
        );
        all.push(Scenario::new(format!("{name} delivers late"), shops, Act::Start).before(Before::UploadedUnrecorded));
        all.push(
            Scenario::new(format!("{name} deletes late"), shops, Act::Start).before(Before::Died("tombstone.after")),
        );
    }
    for (answer, faults) in &answers[..3] {
        let copy = Scenario::new(format!("a copy to kimi, which {answer}"), &[BY_MARK], Act::Copy);
        all.push(copy.before(Before::Uploaded).faults(Operation::Create, faults));
    }
    let kept = Scenario::new("kept, kimi accepts", &[BY_MARK], Act::Upload).kept();
    all.push(kept.body().power());
    let refused = Scenario::new("kept, kimi refuses", &[BY_MARK], Act::Upload).kept();
    all.push(refused.faults(Operation::Create, &answers[1].1));
    let deleted = Scenario::new("kept, and deletes", &[BY_MARK], Act::Delete).kept();
    all.push(deleted.before(Before::Uploaded));
    let told = Scenario::new("somebody is told of what local deletes", &[], Act::Delete).told();
    all.push(told.before(Before::Uploaded).power());
    all.push(Scenario::new("zai settles", &[NOT_AT_ALL], Act::Start).before(Before::Died("call.after")));
    for (answer, fault) in [
        ("refuses to", Fault::status(503)),
        ("deletes and the answer is lost", Fault::ResetAfter),
    ] {
        all.push(
            Scenario::new(format!("{BY_MARK} {answer} delete"), &[BY_MARK], Act::Delete)
                .before(Before::Uploaded)
                .faults(Operation::Delete, &[fault]),
        );
    }
    for shop in [BY_MARK, NOT_AT_ALL] {
        for (silent, fault) in [("is silent", Fault::Hang), ("stores and is silent", Fault::HangAfter)] {
            all.push(Scenario::new(format!("{shop} {silent}"), &[shop], Act::Upload).during(Operation::Create, fault));
        }
    }
    all.push(
        Scenario::new("kimi is silent and is given up", &[BY_MARK], Act::GiveUp)
            .faults(Operation::Create, &[Fault::HangAfter])
            .faults(Operation::List, &[Fault::Hang, Fault::Hang]),
    );
    all.push(
        Scenario::new("kimi is silent when asked", &[BY_MARK], Act::Upload)
            .faults(Operation::Create, &[Fault::ResetAfter])
            .during(Operation::List, Fault::Hang),
    );
    all.push(
        Scenario::new("kimi is silent when settled", &[BY_MARK], Act::Start)
            .before(Before::Died("call.after"))
            .during(Operation::List, Fault::Hang),
    );
    for (silent, fault) in [("is silent", Fault::Hang), ("deletes and is silent", Fault::HangAfter)] {
        all.push(
            Scenario::new(format!("kimi {silent} when deleting"), &[BY_MARK], Act::Delete)
                .before(Before::Uploaded)
                .during(Operation::Delete, fault),
        );
    }
    all
}
