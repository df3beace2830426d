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
    pub(crate) key: bool,
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
    /// Starts, and settles.
    Start,
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
            key: false,
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

    fn key(mut self) -> Self {
        self.key = true;
        self
    }

    fn during(mut self, operation: Operation, fault: Fault) -> Self {
        self.during = Some(operation);
        self.faults(operation, &[fault])
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

/// Verified by a mark, not at all, and by digest: what the providers differ in when an answer is lost.
const BY_MARK: &str = "kimi";
const NOT_AT_ALL: &str = "zai";

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
        &[BY_MARK, NOT_AT_ALL, "bigmodel", "openai"]
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
    let local = Scenario::new("local", &[], Act::Upload);
    all.push(local.clone().tracker_down());
    all.push(local);
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
