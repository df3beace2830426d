//! The plain sections: limits, validator, retry, breaker, sandbox, router.

use std::time::Duration;

use loadlock_policy::breaker::BreakerPolicy;
use loadlock_policy::model::{Role, ValidationRules};
use loadlock_policy::retry::RetryPolicy;

use crate::component::{ComponentRef, component};
use crate::error::{Code, Defect, quoted};
use crate::origin::Provenance;
use crate::read::{ConfigReader, ListItem};
use crate::suggest;
use crate::values::Size;

/// `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadLimits {
    /// Largest file.
    pub max_upload_size: Size,
    /// Most bytes of request bodies on the disk.
    pub spool_size: Size,
    /// How long a tus upload is kept after its last byte.
    pub tus_expiry: Duration,
    /// Most uploads in flight.
    pub concurrency: u32,
    /// Smallest body that is sent on while it arrives.
    pub cut_through: Size,
    /// How long a vendor is kept waiting for a client that sends nothing.
    pub cut_through_idle: Duration,
}

impl UploadLimits {
    pub(crate) fn read(reader: &mut ConfigReader<'_>) -> Self {
        Self {
            max_upload_size: reader.get("limits.max_upload_size"),
            spool_size: reader.get("limits.spool_size"),
            tus_expiry: reader.get("limits.tus_expiry"),
            concurrency: reader
                .optional("limits.concurrency")
                .map_or_else(fitting_concurrency, |(number, _)| number),
            cut_through: reader.get("limits.cut_through"),
            cut_through_idle: reader.get("limits.cut_through_idle"),
        }
    }
}

/// What `limits.concurrency` is if nobody sets it. An upload in flight mostly waits for its vendor, so cores only stand
/// for the size of the machine.
fn fitting_concurrency() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores).unwrap_or(u32::MAX).saturating_mul(128).min(1_024)
}

/// `[validator]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValidatorSection {
    /// The component.
    pub component: ComponentRef,
    /// What it judges by; the largest file is `limits.max_upload_size`.
    pub rules: ValidationRules,
}

const CHECKS: [&str; 3] = ["empty", "mismatch", "secrets"];

impl ValidatorSection {
    pub(crate) fn read(reader: &mut ConfigReader<'_>, limits: &UploadLimits) -> Option<Self> {
        let component = component(reader, "validator", Role::Validator, "validator", &Provenance::Default);
        let allow = patterns(reader, "validator.allow");
        let deny = patterns(reader, "validator.deny");
        let deny_types = patterns(reader, "validator.deny_types");
        for item in &deny_types {
            if item.text.split('/').count() != 2 {
                let what = format!("has {}, which is not a media type", quoted(&item.text));
                let hint = "Write `type/subtype`; `*` and `?` are patterns.";
                let defect = Defect::new(Code::BadValue, what, hint);
                reader.fail("validator.deny_types", &item.origin, defect);
            }
        }
        let skip = patterns(reader, "validator.skip");
        for item in &skip {
            if !CHECKS.contains(&item.text.as_str()) {
                let what = format!("has {}, which is not a check", quoted(&item.text));
                let hint = suggest::did_you_mean(&item.text, &CHECKS);
                let defect = Defect::new(Code::BadValue, what, hint);
                reader.fail("validator.skip", &item.origin, defect);
            }
        }
        let skips = |check: &str| skip.iter().any(|item| item.text == check);
        let texts = |items: Vec<ListItem>| items.into_iter().map(|item| item.text).collect();
        Some(Self {
            component: component?,
            rules: ValidationRules {
                max_bytes: Some(limits.max_upload_size.0),
                allow_empty: skips("empty"),
                deny_mismatch: !skips("mismatch"),
                deny_secrets: !skips("secrets"),
                allow: texts(allow),
                deny: texts(deny),
                deny_types: texts(deny_types),
            },
        })
    }
}

fn patterns(reader: &mut ConfigReader<'_>, place: &str) -> Vec<ListItem> {
    let items = reader.optional::<Vec<ListItem>>(place);
    let items = items.map(|(items, _)| items).unwrap_or_default();
    reader.unique(&items, place);
    items
}

/// Reads `[retry]`. What is no setting is policy's default.
pub(crate) fn retry(reader: &mut ConfigReader<'_>) -> RetryPolicy {
    let attempts = reader.get("retry.attempts");
    let cap = reader.get("retry.cap");
    let policy = RetryPolicy {
        enabled: attempts > 1,
        attempts,
        base: reader.get("retry.base"),
        cap,
        retry_after_cap: cap,
        factor: reader
            .optional("retry.factor")
            .map_or(RetryPolicy::default().factor, |(factor, _)| factor),
        ..RetryPolicy::default()
    };
    check_retry(reader, &policy, "retry");
    policy
}

/// As it is for all, with what one provider says differently.
pub(crate) fn overridden_retry(reader: &mut ConfigReader<'_>, section: &str, all: RetryPolicy) -> RetryPolicy {
    let attempts = reader.or(&format!("{section}.retry.attempts"), all.attempts);
    let cap = reader.or(&format!("{section}.retry.cap"), all.cap);
    let policy = RetryPolicy {
        enabled: attempts > 1,
        attempts,
        base: reader.or(&format!("{section}.retry.base"), all.base),
        cap,
        retry_after_cap: cap,
        factor: reader.or(&format!("{section}.retry.factor"), all.factor),
        ..all
    };
    // What is wrong for all was said once.
    if policy != all {
        check_retry(reader, &policy, &format!("{section}.retry"));
    }
    policy
}

fn check_retry(reader: &mut ConfigReader<'_>, policy: &RetryPolicy, section: &str) {
    let written = [format!("{section}.cap"), format!("{section}.base")];
    let found = written
        .into_iter()
        .find_map(|place| reader.source.find(&place).map(|found| (place, found.origin)));
    if policy.cap < policy.base
        && let Some((place, origin)) = found
    {
        let what = "makes `cap` shorter than `base`";
        let hint = "Raise `cap` or lower `base`.";
        reader.fail(place, &origin, Defect::new(Code::Conflict, what, hint));
    }
}

/// Reads `[breaker]`. What is no setting is policy's default.
pub(crate) fn breaker(reader: &mut ConfigReader<'_>) -> BreakerPolicy {
    let policy = BreakerPolicy {
        open_for: reader.get("breaker.open"),
        successes: reader.get("breaker.successes"),
        ..BreakerPolicy::default()
    };
    with_failures(policy, reader.get("breaker.failures"))
}

/// As it is for all, with what one provider says differently.
pub(crate) fn overridden_breaker(reader: &mut ConfigReader<'_>, section: &str, all: BreakerPolicy) -> BreakerPolicy {
    let failures = if all.enabled { all.failures } else { 0 };
    let failures = reader.or(&format!("{section}.breaker.failures"), failures);
    let policy = BreakerPolicy {
        open_for: reader.or(&format!("{section}.breaker.open"), all.open_for),
        successes: reader.or(&format!("{section}.breaker.successes"), all.successes),
        ..all
    };
    with_failures(policy, failures)
}

/// 0 is off.
fn with_failures(policy: BreakerPolicy, failures: u32) -> BreakerPolicy {
    BreakerPolicy {
        enabled: failures > 0,
        failures: failures.max(1),
        ..policy
    }
}

/// `[sandbox]`, for all or for one provider: limits of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SandboxLimits {
    /// Memory, summed.
    pub memory: Size,
    /// Computing time.
    pub cpu: Duration,
    /// Time, waiting included.
    pub timeout: Duration,
    /// What may be in the component's own directory. `None`: no limit for a built-in component, 1 GiB for another.
    pub state: Option<Size>,
}

impl SandboxLimits {
    pub(crate) fn read(reader: &mut ConfigReader<'_>) -> Self {
        Self {
            memory: reader.get("sandbox.memory"),
            cpu: reader.get("sandbox.cpu"),
            timeout: reader.get("sandbox.timeout"),
            state: reader.optional("sandbox.state").map(|(size, _)| size),
        }
    }

    pub(crate) fn overridden(self, reader: &mut ConfigReader<'_>, section: &str) -> Self {
        Self {
            memory: reader.or(&format!("{section}.sandbox.memory"), self.memory),
            cpu: reader.or(&format!("{section}.sandbox.cpu"), self.cpu),
            timeout: reader.or(&format!("{section}.sandbox.timeout"), self.timeout),
            state: reader
                .written(&format!("{section}.sandbox.state"))
                .map_or(self.state, |(size, _)| Some(size)),
        }
    }
}

/// What every provider starts from.
pub(crate) struct ProviderDefaults {
    pub(crate) max_upload_size: Size,
    pub(crate) concurrency: u32,
    pub(crate) retry: RetryPolicy,
    pub(crate) breaker: BreakerPolicy,
    pub(crate) sandbox: SandboxLimits,
}
