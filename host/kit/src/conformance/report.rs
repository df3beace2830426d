//! What came of the cases: for a person, and as an in-toto statement.

use loadlock_policy::model::Role;
use loadlock_sandbox::{Inspection, Source};
use serde::Serialize;
use serde_json::{Value, json};

/// The in-toto predicate that a report is: test results.
pub const PREDICATE_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseVerdict {
    /// The promise was kept.
    Passed,
    /// It was not.
    Failed,
    /// It is not promised by this component.
    Skipped,
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// Stable, kebab case.
    pub name: &'static str,
    /// What is promised, one sentence.
    pub promise: &'static str,
    /// How it ended.
    pub verdict: CaseVerdict,
    /// What was seen: what went wrong, why it was skipped, or a remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// What to do about a case that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<&'static str>,
}

/// What came of all cases.
#[derive(Debug, Clone)]
pub struct ConformanceReport {
    /// The component's file, without its folder.
    pub component: String,
    /// Its digest, lower-case hexadecimal.
    pub sha256: String,
    /// The role that it was tested in.
    pub role: Role,
    /// The version of the contract that it exports.
    pub contract: String,
    /// In the order in which they were run.
    pub cases: Vec<CaseReport>,
}

impl ConformanceReport {
    /// How many cases ended so.
    pub fn count(&self, verdict: CaseVerdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }

    /// Whether no case failed.
    pub fn is_passed(&self) -> bool {
        self.count(CaseVerdict::Failed) == 0
    }

    /// As an in-toto statement (v1) about the component, with a predicate of [`PREDICATE_TYPE`]. Its `cases` say more
    /// than the predicate's own fields, which hold names alone.
    pub fn statement(&self) -> Value {
        let names = |verdict| -> Vec<&str> {
            let ended = self.cases.iter().filter(|case| case.verdict == verdict);
            ended.map(|case| case.name).collect()
        };
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": self.component, "digest": { "sha256": self.sha256 } }],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "result": if self.is_passed() { "PASSED" } else { "FAILED" },
                "configuration": [{
                    "name": format!("loadlock {}", env!("CARGO_PKG_VERSION")),
                    "annotations": { "role": self.role.interface(), "contract": self.contract },
                }],
                "passedTests": names(CaseVerdict::Passed),
                "warnedTests": [],
                "failedTests": names(CaseVerdict::Failed),
                "cases": self.cases,
            },
        })
    }
}

/// What a case is, apart from how it is run.
pub(crate) struct CaseFacts {
    pub(crate) name: &'static str,
    pub(crate) promise: &'static str,
    pub(crate) advice: &'static str,
}

/// How a case that was run ended.
pub(crate) enum Finding {
    /// With a remark, or without.
    Kept(Option<String>),
    NotPromised(&'static str),
}

/// What a case finds: `Ok` may be a remark; `Err` says what is wrong.
pub(crate) type Found = Result<Finding, String>;

pub(crate) const KEPT: Found = Ok(Finding::Kept(None));

/// Collects what comes of the cases.
pub(crate) struct Recorder<'a> {
    report: ConformanceReport,
    told: &'a mut (dyn FnMut(&CaseReport) + Send),
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(
        source: &Source,
        role: Role,
        inspection: &Inspection,
        told: &'a mut (dyn FnMut(&CaseReport) + Send),
    ) -> Self {
        let component = source.name.rsplit('/').next().unwrap_or(&source.name).to_owned();
        let report = ConformanceReport {
            component,
            sha256: inspection.sha256.clone(),
            role,
            contract: inspection.version.clone().unwrap_or_default(),
            cases: Vec::new(),
        };
        Self { report, told }
    }

    pub(crate) fn record(&mut self, facts: &CaseFacts, found: Found) {
        let (verdict, seen) = match found {
            Ok(Finding::Kept(remark)) => (CaseVerdict::Passed, remark),
            Ok(Finding::NotPromised(why)) => (CaseVerdict::Skipped, Some(why.to_owned())),
            Err(what) => (CaseVerdict::Failed, Some(what)),
        };
        let case = CaseReport {
            name: facts.name,
            promise: facts.promise,
            verdict,
            seen,
            advice: (verdict == CaseVerdict::Failed).then_some(facts.advice),
        };
        (self.told)(&case);
        self.report.cases.push(case);
    }

    pub(crate) fn finish(self) -> ConformanceReport {
        self.report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_an_in_toto_statement_about_the_component() {
        let case = |name, verdict| CaseReport {
            name,
            promise: "it does",
            verdict,
            seen: None,
            advice: None,
        };
        let report = ConformanceReport {
            component: "shelf.wasm".to_owned(),
            sha256: "ab".repeat(32),
            role: Role::Provider,
            contract: "0.1.0".to_owned(),
            cases: vec![
                case("one", CaseVerdict::Passed),
                case("two", CaseVerdict::Failed),
                case("three", CaseVerdict::Skipped),
            ],
        };
        let statement = report.statement();
        assert_eq!(statement["subject"][0]["digest"]["sha256"], "ab".repeat(32));
        assert_eq!(statement["predicate"]["result"], "FAILED");
        assert_eq!(statement["predicate"]["passedTests"], json!(["one"]));
        assert_eq!(statement["predicate"]["failedTests"], json!(["two"]));
    }
}
