//! Reports of tests beside a component in a registry: read from a file to push them, and shown.

use std::io::Read as _;
use std::path::Path;

use loadlock_registry::{FoundReport, Sha256Digest, TestReport};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::text::safe;

/// Largest file that is read as a report.
const LARGEST: u64 = 1 << 20;

/// The report in a file, which has to be about this component and to say that nothing failed.
pub(super) fn read(place: &Path, component: Sha256Digest) -> Result<TestReport, Failure> {
    let refused = |what: String| {
        Failure::usage(
            format!("the report {}: {what}", place.display()),
            "write one with `loadlock component test FILE --output report.json`",
        )
    };
    let mut bytes = Vec::new();
    std::fs::File::open(place)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
        .map_err(|error| refused(error.to_string()))?;
    let report = TestReport::parse(&bytes, component).map_err(refused)?;
    if !report.is_passed() {
        return Err(Failure::usage(
            format!(
                "the report {}: {} failed",
                place.display(),
                safe(&report.failed.join(", "))
            ),
            "mend the component, or push it without `--report`",
        ));
    }
    Ok(report)
}

/// As objects.
pub(super) fn objects(reports: &[FoundReport]) -> Vec<Value> {
    let object = |found: &FoundReport| {
        let report = &found.report;
        json!({
            "passed": report.is_passed(), "cases_passed": report.passed, "cases_failed": report.failed,
            "tool": report.tool, "signer": found.signer,
        })
    };
    reports.iter().map(object).collect()
}

/// One line each. `name`: what a person calls the key with an id.
pub(super) fn show(output: &Output, reports: &[FoundReport], name: impl Fn(&str) -> String) -> Result<(), Failure> {
    for found in reports {
        let report = &found.report;
        let result = match report.is_passed() {
            true => format!("{} cases passed", report.passed),
            false => format!("{} failed", safe(&report.failed.join(", "))),
        };
        let signer = match &found.signer {
            Some(id) => format!("signed by {}", safe(&name(id))),
            None => "signed by no trusted key".to_owned(),
        };
        output.line(format_args!("  tested by {}: {result}; {signer}", safe(&report.tool)))?;
    }
    Ok(())
}
