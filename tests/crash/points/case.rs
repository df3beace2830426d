//! One scenario, with or without a kill, and what has to hold afterwards.

use std::path::Path;

use loadlock_crash::{Books, End, Order, Said, Step, Upload, Victim, copy, open, settled, upload};
use loadlock_tests::{Shop, sha256};

use loadlock_upstream::{Fault, Operation, Recorded};

use crate::scenarios::{Act, Before, Scenario};
use crate::stage::Stage;

/// Where the process ends.
#[derive(Debug, Clone)]
pub(crate) enum Fatal {
    /// At a place, when it comes there for the nth time.
    At { point: String, nth: usize },
    /// When it has done everything, instead of closing.
    End,
    /// While the vendor has a request and is silent.
    During(Operation),
}

pub(crate) struct Case<'a> {
    scenario: &'a Scenario,
    fatal: Option<Fatal>,
    /// Whether the power fails too, and which names the disk keeps.
    power: Option<&'static str>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(scenario: &'a Scenario, fatal: Option<Fatal>) -> Self {
        Self {
            scenario,
            fatal,
            power: None,
        }
    }

    /// Not the process alone dies: what it did not sync is lost. `synced` keeps the names that were synced, `current`
    /// all.
    pub(crate) fn with_power_loss(self, names: &'static str) -> Self {
        Self {
            power: Some(names),
            ..self
        }
    }

    pub(crate) fn name(&self) -> String {
        let power = self
            .power
            .map_or(String::new(), |names| format!(", the power fails ({names} names)"));
        self.death() + &power
    }

    fn death(&self) -> String {
        match &self.fatal {
            Some(Fatal::At { point, nth }) => {
                format!("{}, killed at {point}:{nth}", self.scenario.name)
            }
            Some(Fatal::End) => format!("{}, killed at the end", self.scenario.name),
            Some(Fatal::During(_)) | None => self.scenario.name.clone(),
        }
    }

    /// Sets the scene, kills, starts again and checks. Without a kill answers the places that the last step passed.
    pub(crate) async fn run(self) -> Result<Vec<Fatal>, String> {
        let scenario = self.scenario;
        let stage = Stage::build(scenario).await;
        let earlier = self.before(&stage).await;
        for (operation, fault) in &scenario.faults {
            // What the same process does first goes well.
            if let Some(shop) = stage.first() {
                shop.upstream.faults().push(*operation, fault.clone());
            }
        }
        let trace = stage.world.path("trace");
        let mut env = vec![("LOADLOCK_FAULT_TRACE", trace.display().to_string())];
        match &self.fatal {
            Some(Fatal::At { point, nth }) => {
                env.push(("LOADLOCK_FAULT", format!("{point}:{nth}")));
            }
            Some(Fatal::End) => env.push(("CRASH_AT_END", "yes".to_owned())),
            Some(Fatal::During(_)) | None => {}
        }
        let image = stage.world.path("image");
        if let Some(names) = self.power {
            env.push(("LOADLOCK_POWER", names.to_owned()));
            env.push(("LOADLOCK_POWER_HOME", stage.home().display().to_string()));
            env.push(("LOADLOCK_POWER_IMAGE", image.display().to_string()));
        }
        let order = self.order(&stage);
        let mut victim = Victim::start(program(), &order, &env);
        if let (Some(Fatal::During(operation)), Some(shop)) = (&self.fatal, stage.first()) {
            silent(shop, *operation).await;
            victim.kill();
        }
        let end = victim.end().await;
        if !end.killed && self.may_pass_by() {
            return Ok(Vec::new());
        }
        if end.killed != self.fatal.is_some() {
            return Err(format!("it ended otherwise: {end:?}"));
        }
        if let Some(shop) = stage.first() {
            shop.upstream.faults().clear();
        }
        if self.power.is_some() {
            loadlock_crash::put_in_place(&stage.home(), &image);
        }
        self.check(&stage, earlier, &end)
            .await
            .map_err(|problem| format!("{problem}\n    it said {:?}", end.said))?;
        let mut fatal = passed(&trace);
        fatal.push(Fatal::End);
        Ok(fatal)
    }

    fn upload(&self, stage: &Stage) -> Upload {
        Upload {
            provider: match (self.scenario.act, self.scenario.shops.as_slice()) {
                (Act::Copy, _) | (_, []) => Some("local".to_owned()),
                (_, [shop]) => Some((*shop).to_owned()),
                _ => None,
            },
            path: stage.file.clone(),
            body: self.scenario.body,
            arriving: self.scenario.arriving,
            key: self.scenario.key.then(|| "key".to_owned()),
            given_up: false,
        }
    }

    /// What happened before; answers the ids that clients hold.
    async fn before(&self, stage: &Stage) -> Vec<String> {
        let plain = Upload {
            key: None,
            ..self.upload(stage)
        };
        let fatal = match self.scenario.before {
            Before::Nothing | Before::Uploaded | Before::UploadedTwice => return Vec::new(),
            Before::UploadedUnrecorded => None,
            Before::Died(point) | Before::DiedAndChanged(point) => Some(point),
        };
        let mut steps = vec![Step::Upload(plain)];
        if fatal.is_some_and(|point| point.starts_with("tombstone")) {
            steps.push(Step::DeleteLast);
        }
        let order = Order {
            config: if fatal.is_some() { &stage.up } else { &stage.down }.clone(),
            steps,
        };
        let env: Vec<_> = fatal
            .iter()
            .map(|point| ("LOADLOCK_FAULT", (*point).to_owned()))
            .collect();
        let end = Victim::start(program(), &order, &env).end().await;
        assert_eq!(end.killed, fatal.is_some(), "{end:?}");
        if matches!(self.scenario.before, Before::DiedAndChanged(_)) {
            std::fs::write(&stage.file, b"something else").unwrap();
        }
        held(&end)
    }

    /// A body that is whole before it was judged by its head is stored like any other, which passes a point once where
    /// one that has to wait passes it twice.
    fn may_pass_by(&self) -> bool {
        self.scenario.arriving && matches!(self.fatal, Some(Fatal::At { nth, .. }) if nth > 1)
    }

    fn order(&self, stage: &Stage) -> Order {
        let mut steps = Vec::new();
        for _ in 0..self.scenario.before.uploads() {
            steps.push(Step::Upload(Upload {
                key: None,
                ..self.upload(stage)
            }));
        }
        match self.scenario.act {
            Act::Upload => steps.push(Step::Upload(self.upload(stage))),
            Act::Delete => steps.push(Step::DeleteLast),
            Act::DeleteFirst => steps.push(Step::DeleteFirst),
            Act::Copy => steps.push(Step::CopyLast {
                to: self.scenario.shops[0].to_owned(),
            }),
            Act::GiveUp => steps.push(Step::Upload(Upload {
                given_up: true,
                ..self.upload(stage)
            })),
            Act::Swap => steps.push(Step::Swap {
                name: "local".to_owned(),
                source: stage.another(),
            }),
            Act::Start => {}
        }
        let config = if self.scenario.tracker_down {
            &stage.down
        } else {
            &stage.up
        };
        Order {
            config: config.clone(),
            steps,
        }
    }

    async fn check(&self, stage: &Stage, mut ids: Vec<String>, end: &End) -> Result<(), String> {
        let scenario = self.scenario;
        let home = stage.home();
        ids.extend(held(end));
        // The first start settles what it can; a second one has nothing left to do.
        drop(open(&stage.up).await.map_err(|error| error.to_string())?);
        let unknown = settled(&home)?;
        if scenario.verifiable() && unknown > 0 {
            return Err(format!("{unknown} outcomes are unknown"));
        }
        let (gateway, who) = open(&stage.up).await.map_err(|error| error.to_string())?;
        if scenario.act == Act::Swap {
            one_of_both(stage, &gateway, &who, end).await?;
        }
        let books = stage.books(&gateway, &who).await;
        books.balance(unknown)?;
        for id in &ids {
            if !books.ledger.iter().any(|file| file.id == *id) {
                return Err(format!("{id} was promised and is gone"));
            }
        }
        for said in &end.said {
            if let Said::Deleted { id } = said
                && books.ledger.iter().any(|file| file.id == *id)
            {
                return Err(format!("{id} was deleted and is back"));
            }
        }
        let told = |said: &Said| matches!(said, Said::Refused { code, .. } if code == "cancelled");
        if end.said.iter().any(told) && !(books.ledger.is_empty() && books.stored.is_empty()) {
            return Err(format!("it was cancelled and is there: {books:?}"));
        }
        // At most one file for each time that a client asked.
        let most = match scenario.before {
            Before::Nothing => 1,
            Before::UploadedTwice => 3,
            _ => 2,
        };
        if books.ledger.len() > most {
            return Err(format!("{} records for {most} uploads", books.ledger.len()));
        }
        self.ask_again(stage, &gateway, &who, &books, unknown, end).await?;
        drop(gateway);
        settled(&home).map(|_| ())
    }

    /// Whoever is to be told of deletes has one to be told of.
    async fn told_once(
        &self,
        gateway: &loadlock_gateway::Gateway,
        who: &loadlock_gateway::Principal,
        id: &str,
    ) -> Result<(), String> {
        if !self.scenario.told {
            return Ok(());
        }
        let receivers = gateway.webhooks(who).await.map_err(|error| error.to_string())?;
        match receivers.iter().map(|one| one.waiting + one.dead_letters).sum() {
            1 => Ok(()),
            waiting => Err(format!("{id} was deleted once, and {waiting} events tell of it")),
        }
    }

    /// The client does the same again.
    async fn ask_again(
        &self,
        stage: &Stage,
        gateway: &loadlock_gateway::Gateway,
        who: &loadlock_gateway::Principal,
        before: &Books,
        unknown: u64,
        end: &End,
    ) -> Result<(), String> {
        let sha256 = sha256(&std::fs::read(&stage.file).unwrap());
        if self.scenario.act == Act::Delete {
            let last = last_stored(end);
            if let Some(id) = &last
                && let Err(error) = gateway.delete(who, id).await
                && error.code != loadlock_gateway::ErrorCode::FileNotFound
            {
                return Err(format!("the delete again: {error}"));
            }
            let books = stage.books(gateway, who).await;
            books.balance(0)?;
            if let Some(id) = &last {
                self.told_once(gateway, who, id).await?;
            }
            // Without an answer to the upload the client has nothing to delete.
            let others = usize::from(self.scenario.before == Before::UploadedTwice);
            return match (last, books.stored.len()) {
                (Some(_), left) if left == others => Ok(()),
                (None, 0 | 1) => Ok(()),
                _ => Err(format!("deleted and still there: {books:?}")),
            };
        }
        if self.scenario.act == Act::Copy
            && let Some(id) = last_stored(end)
        {
            let copied = copy(gateway, who, &id, self.scenario.shops[0]).await;
            copied.map_err(|error| format!("the copy again: {error}"))?;
            let books = stage.books(gateway, who).await;
            books.balance(0)?;
            return match books.copies(&sha256) {
                2 => Ok(()),
                stored => Err(format!("{stored} remote files of a file and its copy")),
            };
        }
        // One more where it is kept.
        let kept = u64::from(self.scenario.kept);
        match upload(gateway, who, &self.upload(stage)).await {
            Ok(Said::Stored { id, .. }) => {
                let books = stage.books(gateway, who).await;
                books.balance(unknown)?;
                let copies = books.copies(&sha256) as u64;
                if copies <= kept || copies > 1 + kept + unknown {
                    return Err(format!("{copies} remote files, {unknown} unknown"));
                }
                let added = books.ledger.len() - before.ledger.len();
                // With a key it is the same upload, and the same file.
                if self.scenario.key
                    && last_stored(end).is_some_and(|first| first != id && end.said.len() > self.expected_lines())
                {
                    return Err("another file under the same key".to_owned());
                }
                if self.scenario.key && self.scenario.before == Before::Nothing && books.ledger.len() != 1 {
                    return Err(format!(
                        "{} records under one key, {added} of them new",
                        books.ledger.len()
                    ));
                }
                if self.scenario.key && self.scenario.before != Before::Nothing && books.ledger.len() != 2 {
                    return Err(format!("{} records, {added} of them new", books.ledger.len()));
                }
                Ok(())
            }
            Err(error)
                if unknown > 0 && self.scenario.key && error.code == loadlock_gateway::ErrorCode::OutcomeUnknown =>
            {
                Ok(())
            }
            other => Err(format!("the upload again: {other:?}")),
        }
    }

    /// What it says before the answer to its last step.
    fn expected_lines(&self) -> usize {
        1 + self.scenario.before.uploads()
    }
}

/// What runs is the old component or the new one, and the new one once that was said.
async fn one_of_both(
    stage: &Stage,
    gateway: &loadlock_gateway::Gateway,
    who: &loadlock_gateway::Principal,
    end: &End,
) -> Result<(), String> {
    let providers = gateway.providers(who).await.map_err(|error| error.to_string())?;
    let new = stage.another().display().to_string();
    let runs: Vec<&str> = providers.iter().map(|provider| provider.component.as_str()).collect();
    match runs.as_slice() {
        [one] if *one == new => Ok(()),
        ["builtin:local"] if !end.said.contains(&Said::Swapped) => Ok(()),
        other => Err(format!("{other:?} runs")),
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_crash-victim"))
}

/// Ids that a client was given and did not ask to delete.
fn held(end: &End) -> Vec<String> {
    let mut held = Vec::new();
    for said in &end.said {
        match said {
            Said::Stored { id, .. } => held.push(id.clone()),
            Said::Deleting { id } => held.retain(|known| known != id),
            Said::Open | Said::Copied { .. } | Said::Deleted { .. } | Said::Swapped | Said::Refused { .. } => {}
        }
    }
    held
}

/// Waits until a vendor has all of a request, and has done what it does before it is silent.
async fn silent(shop: &Shop, operation: Operation) {
    let whole = |request: &Recorded| request.body_complete || operation != Operation::Create;
    let is = |request: &Recorded| request.operation == Some(operation) && whole(request);
    shop.upstream.requests().wait(|all| all.iter().any(is)).await;
    let faults = shop.upstream.faults();
    let stores = faults
        .injected()
        .iter()
        .any(|injected| injected.fault == Fault::HangAfter);
    let files = shop.upstream.files();
    let done = || match operation {
        Operation::Delete => files.is_empty(),
        Operation::CreateUpload => !shop.upstream.unfinished().is_empty(),
        _ => !files.is_empty(),
    };
    while stores && !done() {
        tokio::task::yield_now().await;
    }
}

fn last_stored(end: &End) -> Option<String> {
    end.said.iter().rev().find_map(|said| match said {
        Said::Stored { id, .. } => Some(id.clone()),
        _ => None,
    })
}

/// The places that the last step passed, each with its number from the start of the process.
fn passed(trace: &Path) -> Vec<Fatal> {
    let text = std::fs::read_to_string(trace).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|line| *line == "=").unwrap_or(0);
    let number = |at: usize| lines[..=at].iter().filter(|line| **line == lines[at]).count();
    (last + 1..lines.len())
        .map(|at| Fatal::At {
            point: lines[at].to_owned(),
            nth: number(at),
        })
        .collect()
}
