//! Looking at providers, routes and the books, and reconciling.

use std::path::Path;

use hyper::Method;
use loadlock::gateway::{
    BackupSummary, BalanceSheet, DeadLetter, Probe, ProviderView, Reconcile, Reconciled, RouteView, SwapRequest,
    Swapped, WebhookView,
};
use loadlock::{Error, ErrorCode, Result, Source, UploadRequest};
use loadlock_server::percent_encoded;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Running, nothing, of_path, strange};

impl Running {
    /// Every provider that it has.
    pub(crate) async fn providers(&self) -> Result<Vec<ProviderView>> {
        let mut list = self.get("/v1/loadlock/providers").await?;
        typed(list["data"].take(), "a list of providers")
    }

    /// Asks a provider's vendor for something cheap.
    pub(crate) async fn probe(&self, name: &str) -> Result<Probe> {
        let path = format!("/v1/loadlock/providers/{}/probe", percent_encoded(name));
        let answer = self.ask(Method::POST, &path, &[], nothing()).await?;
        typed(answer, "a probe")
    }

    /// Where a file on the disk would go, under the path as it was given.
    pub(crate) async fn route(&self, request: UploadRequest) -> Result<RouteView> {
        let Source::Path { path, current_dir } = request.source else {
            return Err(Error::new(ErrorCode::Internal, "only a path can be asked about"));
        };
        let shown = path.display().to_string();
        let wish = of_path(path, current_dir, request.target, request.purpose, request.name)?;
        let answer = self.post("/v1/loadlock/route", &wish).await?;
        let route: RouteView = typed(answer, "a route")?;
        Ok(RouteView { path: shown, ..route })
    }

    /// Compares the vendors' lists with the ledger. Going away ends it where it is.
    pub(crate) async fn reconcile(&self, request: Reconcile) -> Result<Reconciled> {
        let Reconcile {
            provider,
            dry_run,
            allow_mass,
        } = request;
        let mut wish = json!({ "dry_run": dry_run, "allow_mass": allow_mass });
        if let Some(provider) = provider {
            wish["provider"] = provider.into();
        }
        let answer = self.post("/v1/loadlock/reconcile", &wish).await?;
        typed(answer, "what was reconciled")
    }

    /// Puts another component in the place of one of its own.
    pub(crate) async fn swap(&self, component: &str, request: &SwapRequest) -> Result<Swapped> {
        let path = format!("/v1/loadlock/components/{}/swap", percent_encoded(component));
        let wish = serde_json::to_value(request).map_err(|_| strange("a swap"))?;
        typed(self.post(&path, &wish).await?, "what was swapped")
    }

    /// Puts the component back that was there before.
    pub(crate) async fn roll_back(&self, component: &str, accept: bool) -> Result<Swapped> {
        let path = format!("/v1/loadlock/components/{}/rollback", percent_encoded(component));
        typed(
            self.post(&path, &json!({ "accept": accept })).await?,
            "what was swapped",
        )
    }

    /// Copies its state to a folder of this machine.
    pub(crate) async fn backup(&self, folder: &Path) -> Result<BackupSummary> {
        let folder = text_of(folder)?;
        let answer = self.post("/v1/loadlock/backup", &json!({ "folder": folder })).await?;
        typed(answer, "what was backed up")
    }

    /// Who is told of uploads.
    pub(crate) async fn webhooks(&self) -> Result<Vec<WebhookView>> {
        let mut list = self.get("/v1/loadlock/webhooks").await?;
        typed(list["data"].take(), "a list of webhooks")
    }

    /// What was given up.
    pub(crate) async fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        let mut list = self.get("/v1/loadlock/webhooks/dead-letters").await?;
        typed(list["data"].take(), "a list of dead letters")
    }

    /// Has one of them sent again, or all.
    pub(crate) async fn resend(&self, id: Option<&str>) -> Result<u64> {
        let one = id.map_or_else(String::new, |id| format!("/{}", percent_encoded(id)));
        let path = format!("/v1/loadlock/webhooks/dead-letters{one}/resend");
        let mut answer = self.ask(Method::POST, &path, &[], nothing()).await?;
        typed(answer["resent"].take(), "how many were sent again")
    }

    /// Checks the books against each other.
    pub(crate) async fn fsck(&self, deep: bool) -> Result<BalanceSheet> {
        let answer = self.get(&format!("/v1/loadlock/fsck?deep={deep}")).await?;
        typed(answer, "a balance sheet")
    }
}

/// A path as JSON can say it.
fn text_of(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        Error::new(ErrorCode::RequestInvalid, format!("{} is not UTF-8", path.display())).hint("name another folder")
    })
}

fn typed<T: DeserializeOwned>(answer: Value, wanted: &str) -> Result<T> {
    serde_json::from_value(answer).map_err(|_| strange(wanted))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use loadlock::gateway::{Damaged, NotListed, ProviderReconciled, Step, StepEnd, Unlisted, Verdict};
    use loadlock_policy::upkeep::{Action, BalanceLine, Finding, Listed, MassChange, Reason};
    use serde::Serialize;

    use super::*;

    /// As it is said over the socket and understood on the other side.
    fn said<T: Serialize + DeserializeOwned>(answer: &T) -> T {
        typed(serde_json::to_value(answer).unwrap(), "the same").unwrap()
    }

    fn one(verdict: Verdict, steps: Vec<Step>) -> ProviderReconciled {
        ProviderReconciled {
            provider: "kimi".into(),
            verdict,
            live: 3,
            listed: 2,
            matching: 1,
            steps,
        }
    }

    #[test]
    fn every_end_of_reconciling_is_understood() {
        let remote_id = || "file-1".to_owned();
        let why = || "because".to_owned();
        let file = Listed {
            id: remote_id(),
            bytes: 1,
            name: None,
        };
        let deleted = |why| Action::Delete {
            remote_id: remote_id(),
            why,
        };
        let alone = |why| Action::LeaveAlone {
            file: file.clone(),
            why,
        };
        let missing = Action::MarkMissing { remote_id: remote_id() };
        let live = Action::MarkLive { remote_id: remote_id() };
        let forgotten = Action::Forget { remote_id: remote_id() };
        let steps = [
            (missing, StepEnd::Planned),
            (live, StepEnd::Done),
            (deleted(Reason::Dying), StepEnd::Skipped(why())),
            (deleted(Reason::Unwanted), StepEnd::Failed(why())),
            (deleted(Reason::Leftover), StepEnd::Done),
            (forgotten, StepEnd::Done),
            (alone(Reason::Unsettled), StepEnd::Told),
            (alone(Reason::Foreign), StepEnd::Told),
            (alone(Reason::OtherSize), StepEnd::Told),
        ];
        let steps = steps.map(|(action, end)| Step { action, end }).to_vec();
        let mass = MassChange {
            marks: 4,
            deletes: 3,
            live: 2,
            limit: 1,
        };
        let done = Reconciled {
            providers: vec![
                one(Verdict::Compared, steps),
                one(Verdict::NotListed(Unlisted::CannotList), Vec::new()),
                one(Verdict::NotListed(Unlisted::Failed(why())), Vec::new()),
                one(Verdict::TooMuch(mass), Vec::new()),
            ],
        };
        assert_eq!(said(&done), done);
    }

    #[test]
    fn every_line_of_a_sheet_is_understood() {
        let line = |finding, provider, expected| BalanceLine {
            name: "pending deletes".into(),
            provider,
            count: 1,
            expected,
            finding,
        };
        let none = |why| NotListed {
            provider: "glm".into(),
            why,
        };
        let sheet = BalanceSheet {
            lines: vec![
                line(Finding::Balanced, None, Some(1)),
                line(Finding::Note, Some("kimi".into()), None),
                line(Finding::Unbalanced, None, Some(2)),
            ],
            not_listed: vec![none(Unlisted::CannotList), none(Unlisted::Failed("because".into()))],
            damaged: vec![Damaged {
                provider: "local".into(),
                remote_id: "loc_1".into(),
                sha256: "1".into(),
            }],
            balanced: false,
        };
        assert_eq!(said(&sheet), sheet);
    }
}
