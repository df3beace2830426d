//! `loadlock component test`.

use std::path::{Path, PathBuf};

use loadlock::config::Config;
use loadlock::sandbox::inspect;
use loadlock::{Error, ErrorCode};
use loadlock_kit::conformance::{
    CaseReport, CaseVerdict, ConformanceError, ConformanceReport, ConformanceSubject, VendorProcess, check,
};
use loadlock_kit::project::Manifest;
use loadlock_sandbox::{Sandbox, Source};

use super::authoring_args::{ComponentTest, TestedWith};
use super::project::project_error;
use crate::cli::args::Globals;
use crate::cli::context::{compile_cache, configuration, setup};
use crate::cli::failure::{Failure, Status};
use crate::cli::inspect::{call_limits, sandbox};
use crate::cli::output::{BAD, BOLD, DIM, GOOD, Output, WARN, styled};
use crate::cli::text::safe;

pub(crate) async fn run(globals: &Globals, output: &Output, command: ComponentTest) -> Result<Status, Failure> {
    let here = Path::new(".");
    let (component, with) = match command.component {
        Some(component) => (component, of_its_project(command.with)),
        None => {
            let manifest = Manifest::read(here).map_err(|error| {
                project_error(&error).hint("name a component, or change to the folder of a project")
            })?;
            (manifest.component(), vendor_of(command.with, &manifest))
        }
    };
    let bench = TestBench::new(globals)?;
    let report = bench.test(output, &component, here, &with).await?;
    if let Some(file) = &command.output {
        let text = serde_json::to_string_pretty(&report.statement()).map_err(std::io::Error::other)?;
        let unwritten = |error| {
            Failure::usage(
                format!("{}: {error}", file.display()),
                "name a place that you may write to",
            )
        };
        std::fs::write(file, format!("{text}\n")).map_err(unwritten)?;
    }
    Ok(if report.is_passed() {
        Status::Done
    } else {
        Status::Failed
    })
}

/// In a project's folder its vendor is known, whichever file of it is tested.
fn of_its_project(with: TestedWith) -> TestedWith {
    match Manifest::read(Path::new(".")) {
        Ok(manifest) => vendor_of(with, &manifest),
        Err(_) => with,
    }
}

pub(super) fn vendor_of(mut with: TestedWith, manifest: &Manifest) -> TestedWith {
    if with.vendor.is_none() && with.vendor_url.is_none() {
        with.vendor.clone_from(&manifest.vendor);
    }
    with
}

/// A sandbox with the configured limits.
pub(super) struct TestBench {
    config: Config,
    sandbox: Sandbox,
}

impl TestBench {
    pub(super) fn new(globals: &Globals) -> Result<Self, Failure> {
        let config = configuration(globals)?;
        let sandbox = sandbox(&setup(config.clone())?, compile_cache(&config))?;
        Ok(Self { config, sandbox })
    }

    /// Tests a component, and shows what comes of each case. The vendor's command runs in `folder`.
    pub(super) async fn test(
        &self,
        output: &Output,
        component: &Path,
        folder: &Path,
        with: &TestedWith,
    ) -> Result<ConformanceReport, Failure> {
        let refused = |message: String| Error::new(ErrorCode::ComponentRefused, message);
        let source = Source::read(component, self.sandbox.max_component_bytes())
            .map_err(|error| refused(error.to_string()).hint("build it first, with `loadlock component build`"))?;
        let inspection = inspect(&source.bytes).map_err(|error| {
            refused(format!("{}: {error}", source.name)).hint("build it with `loadlock component build`")
        })?;
        let role = inspection.role.ok_or_else(|| {
            refused(format!(
                "{} exports the interface of no role, or of more than one",
                source.name
            ))
            .hint("export one of the interfaces in `wit/`")
        })?;
        let vendor = match (&with.vendor, &with.vendor_url) {
            (Some(command), _) => Some(
                VendorProcess::start(command, folder)
                    .await
                    .map_err(|error| conformance_error(&error.into()))?,
            ),
            _ => None,
        };
        let scratch = Scratch::new()?;
        let mut limits = call_limits(&self.config);
        if let Some(memory) = with.memory {
            limits.memory_bytes = usize::try_from(memory.0).unwrap_or(usize::MAX);
        }
        let subject = ConformanceSubject {
            source,
            role,
            settings: with.settings.clone(),
            vendor: vendor
                .as_ref()
                .map(|vendor| vendor.url().to_owned())
                .or(with.vendor_url.clone()),
            headers: with.headers.iter().cloned().collect(),
            limits,
            scratch: scratch.0.clone(),
        };
        let shown = output.clone();
        let mut told = move |case: &CaseReport| {
            // A reader that has gone is noticed at the end.
            let _ = show(&shown, case);
        };
        let report = check(&self.sandbox, subject, &mut told).await;
        let report = report.map_err(|error| conformance_error(&error))?;
        finish(output, &report)?;
        Ok(report)
    }
}

fn conformance_error(error: &ConformanceError) -> Error {
    let code = match error {
        ConformanceError::Load(_) | ConformanceError::Profile(_) => ErrorCode::ComponentRefused,
        ConformanceError::Machine(_) => ErrorCode::Internal,
        ConformanceError::NoVendor(_)
        | ConformanceError::OtherVendor { .. }
        | ConformanceError::Vendor(_)
        | ConformanceError::LedgerElsewhere => ErrorCode::RequestInvalid,
    };
    Error::new(code, error.to_string()).hint(error.hint())
}

fn show(output: &Output, case: &CaseReport) -> std::io::Result<()> {
    if output.json || (output.quiet && case.verdict != CaseVerdict::Failed) {
        return Ok(());
    }
    let verdict = match case.verdict {
        CaseVerdict::Passed => styled(GOOD, "passed "),
        CaseVerdict::Failed => styled(BAD, "failed "),
        CaseVerdict::Skipped => styled(WARN, "skipped"),
    };
    let seen = case
        .seen
        .as_deref()
        .map(|seen| format!("  {}", styled(DIM, safe(seen))))
        .unwrap_or_default();
    if case.verdict != CaseVerdict::Failed {
        return output.line(format_args!("{verdict}  {}{seen}", case.name));
    }
    output.line(format_args!("{verdict}  {}: {}", styled(BOLD, case.name), case.promise))?;
    if let Some(seen) = &case.seen {
        output.line(format_args!("         {}", safe(seen)))?;
    }
    if let Some(advice) = case.advice {
        output.line(format_args!("         {}: {advice}", styled(BOLD, "hint")))?;
    }
    Ok(())
}

fn finish(output: &Output, report: &ConformanceReport) -> std::io::Result<()> {
    if output.json {
        return output.object(&report.statement());
    }
    let count = |verdict| report.count(verdict);
    output.line(format_args!(
        "{} passed, {} failed, {} skipped",
        count(CaseVerdict::Passed),
        count(CaseVerdict::Failed),
        count(CaseVerdict::Skipped)
    ))
}

/// A folder of a test, which goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("loadlock-test-{:016x}", rand::random::<u64>()));
        let made = std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&path);
        made.map_err(|error| {
            Error::new(ErrorCode::Internal, format!("{}: {error}", path.display()))
                .hint("set TMPDIR to a folder with space")
        })?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
