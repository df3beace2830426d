//! Conformance: a component through everything that the contract promises.
//!
//! The component runs in the real sandbox under the limits that its operator will give it. A provider's requests leave
//! through the real egress, to the author's own vendor, and between the two stands a proxy that fails on command
//! ([`proxy`]). Cases are data: a name, what is promised, what to do where it is not kept, and how to find out.

mod auth;
mod provider;
pub mod proxy;
mod report;
mod subject;
pub mod tracker;
mod validator;
mod vendor;

use loadlock_policy::model::Role;
use loadlock_sandbox::Sandbox;

pub use report::{CaseReport, CaseVerdict, ConformanceReport, PREDICATE_TYPE};
pub use subject::{ConformanceError, ConformanceSubject, VENDOR};
pub use vendor::{VendorError, VendorProcess};

use report::Recorder;

/// Runs every case, in order; `told` hears of each as it ends.
///
/// # Errors
/// See [`ConformanceError`]: what keeps the cases from being run at all. A case that fails is in the report.
pub async fn check(
    sandbox: &Sandbox,
    subject: ConformanceSubject,
    told: &mut (dyn FnMut(&CaseReport) + Send),
) -> Result<ConformanceReport, ConformanceError> {
    let inspection = sandbox.examine(&subject.source, subject.role)?;
    let mut recorder = Recorder::new(&subject.source, subject.role, &inspection, told);
    match subject.role {
        Role::Provider => provider::check(sandbox, subject, &mut recorder).await?,
        Role::Validator => validator::check(sandbox, &subject.source, &mut recorder).await?,
        Role::Auth => auth::check(sandbox, &subject.source, &mut recorder).await?,
        Role::Tracker => tracker::check(sandbox, &subject, &inspection, &mut recorder).await?,
    }
    Ok(recorder.finish())
}
