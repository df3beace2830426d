//! Reports of tests: in-toto statements about a component's bytes, beside its manifest in a registry.
//!
//! A report helps to decide; nothing is taken or refused by it. Unsigned, or signed by a key that nobody trusts, it
//! says what anybody could have written, and is shown as such.

use serde::Deserialize;

use crate::bundle::STATEMENT;
use crate::{KeyRing, Sha256Digest, SigningKeyPair, SigstoreBundle};

/// The in-toto predicate of a report.
pub(crate) const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// Longest name that is shown of what a stranger wrote.
const NAME_BYTES: usize = 100;
/// Largest report that is read.
const REPORT_BYTES: usize = 128 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReportStatement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<ReportSubject>,
    predicate_type: String,
    predicate: ReportPredicate,
}

#[derive(Deserialize)]
struct ReportSubject {
    digest: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReportPredicate {
    result: String,
    #[serde(default)]
    configuration: Vec<ReportTool>,
    #[serde(default)]
    passed_tests: Vec<String>,
    #[serde(default)]
    failed_tests: Vec<String>,
}

#[derive(Deserialize)]
struct ReportTool {
    #[serde(default)]
    name: String,
}

/// A report that is about a component.
///
/// ```
/// use loadlock_registry::{Sha256Digest, TestReport};
/// let component = Sha256Digest::of(b"component");
/// let statement = format!(
///     r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],
///         "predicateType":"https://in-toto.io/attestation/test-result/v0.1",
///         "predicate":{{"result":"PASSED","passedTests":["profile-twice"]}}}}"#,
///     component.hex()
/// );
/// let report = TestReport::parse(statement.as_bytes(), component)?;
/// assert_eq!((report.is_passed(), report.passed), (true, 1));
/// assert!(TestReport::parse(statement.as_bytes(), Sha256Digest::of(b"other")).is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// How many cases passed.
    pub passed: usize,
    /// The names of those that failed.
    pub failed: Vec<String>,
    /// What tested, as it calls itself.
    pub tool: String,
    result: String,
    text: Vec<u8>,
}

impl TestReport {
    /// Reads a statement that has to be about this component.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8], component: Sha256Digest) -> Result<Self, String> {
        if bytes.len() > REPORT_BYTES {
            return Err(format!("it is larger than {REPORT_BYTES} bytes"));
        }
        let statement: ReportStatement =
            serde_json::from_slice(bytes).map_err(|error| format!("it is no in-toto statement of a test: {error}"))?;
        if statement.kind != STATEMENT || statement.predicate_type != TEST_RESULT {
            return Err(format!("it is no in-toto statement (v1) of `{TEST_RESULT}`"));
        }
        let is_it = |subject: &ReportSubject| subject.digest.get("sha256") == Some(&component.hex());
        if !statement.subject.iter().any(is_it) {
            return Err("it is about other bytes than those of the component".to_owned());
        }
        let ReportPredicate {
            result,
            configuration,
            passed_tests,
            failed_tests,
        } = statement.predicate;
        let tool = configuration
            .into_iter()
            .next()
            .map(|tool| tool.name)
            .unwrap_or_default();
        Ok(Self {
            passed: passed_tests.len(),
            failed: failed_tests,
            tool: tool.chars().take(NAME_BYTES).collect(),
            result,
            text: bytes.to_vec(),
        })
    }

    /// Whether it says that nothing failed.
    pub fn is_passed(&self) -> bool {
        self.result == "PASSED" && self.failed.is_empty()
    }

    /// As it is put beside a manifest where nobody signs it.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// As it is put beside a manifest where a key signs it.
    pub(crate) fn signed(&self, key: &SigningKeyPair) -> SigstoreBundle {
        SigstoreBundle::seal(key, &self.text)
    }
}

/// A report that was found beside a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundReport {
    /// What it says.
    pub report: TestReport,
    /// The id of the trusted key that signed it; `None`: anybody could have written it.
    pub signer: Option<String>,
}

impl FoundReport {
    /// What a bundle says of the component, if it is a report.
    pub(crate) fn of_bundle(bundle: &SigstoreBundle, component: Sha256Digest, ring: &KeyRing) -> Option<Self> {
        let (signer, payload) = match ring.opened(bundle) {
            Some((signer, payload)) => (Some(signer), payload),
            None => (None, bundle.payload()?),
        };
        let report = TestReport::parse(&payload, component).ok()?;
        Some(Self { report, signer })
    }

    /// What a statement that nobody signed says of the component, if it is a report.
    pub(crate) fn of_text(bytes: &[u8], component: Sha256Digest) -> Option<Self> {
        let report = TestReport::parse(bytes, component).ok()?;
        Some(Self { report, signer: None })
    }
}

/// Whether a bundle holds a report, by what it says itself: it is no signature of a component then.
pub(crate) fn is_report(bundle: &SigstoreBundle) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct PredicateKind {
        predicate_type: String,
    }
    let payload = bundle.payload().unwrap_or_default();
    serde_json::from_slice::<PredicateKind>(&payload).is_ok_and(|kind| kind.predicate_type == TEST_RESULT)
}
