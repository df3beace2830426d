//! The plain sections: limits, validator, retry, breaker, sandbox, router.

use std::time::Duration;

use crate::component::{ComponentRef, Role, component};
use crate::error::{Code, Defect, quoted};
use crate::origin::Origin;
use crate::read::{Item, Reader};
use crate::suggest;
use crate::values::Size;

/// `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest file.
    pub max_upload_size: Size,
    /// Most bytes of request bodies on the disk.
    pub spool_size: Size,
    /// How long a tus upload is kept after its last byte.
    pub tus_expiry: Duration,
    /// Most uploads in flight.
    pub concurrency: u32,
}

impl Limits {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            max_upload_size: reader.get("limits.max_upload_size"),
            spool_size: reader.get("limits.spool_size"),
            tus_expiry: reader.get("limits.tus_expiry"),
            concurrency: reader.get("limits.concurrency"),
        }
    }
}

/// `[validator]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validator {
    /// The component.
    pub component: ComponentRef,
    /// Patterns of names, one of which must match if there are any.
    pub allow: Vec<String>,
    /// Patterns of names that are refused.
    pub deny: Vec<String>,
    /// Patterns of media types that are refused.
    pub deny_types: Vec<String>,
    /// Whether empty files pass.
    pub allow_empty: bool,
    /// Whether files that look like credentials are refused.
    pub deny_secrets: bool,
    /// Whether content that contradicts the extension is refused.
    pub deny_mismatch: bool,
}

const CHECKS: [&str; 3] = ["empty", "mismatch", "secrets"];

impl Validator {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let component = component(reader, "validator", Role::Validator, "validator", &Origin::Default);
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
        let texts = |items: Vec<Item>| items.into_iter().map(|item| item.text).collect();
        Some(Self {
            component: component?,
            allow_empty: skips("empty"),
            deny_mismatch: !skips("mismatch"),
            deny_secrets: !skips("secrets"),
            allow: texts(allow),
            deny: texts(deny),
            deny_types: texts(deny_types),
        })
    }
}

fn patterns(reader: &mut Reader<'_>, place: &str) -> Vec<Item> {
    let items = reader.optional::<Vec<Item>>(place);
    let items = items.map(|(items, _)| items).unwrap_or_default();
    reader.unique(&items, place);
    items
}

/// `[retry]`, for all or for one provider.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Retry {
    /// Most attempts; 1 is no retry.
    pub attempts: u32,
    /// Bound of the first wait.
    pub base: Duration,
    /// Most that a bound grows to, and longest `Retry-After`.
    pub cap: Duration,
    /// Growth of the bound.
    pub factor: f64,
}

impl Retry {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let retry = Self {
            attempts: reader.get("retry.attempts"),
            base: reader.get("retry.base"),
            cap: reader.get("retry.cap"),
            factor: reader.get("retry.factor"),
        };
        retry.checked(reader, "retry")
    }

    pub(crate) fn overridden(self, reader: &mut Reader<'_>, section: &str) -> Self {
        let retry = Self {
            attempts: reader.or(&format!("{section}.retry.attempts"), self.attempts),
            base: reader.or(&format!("{section}.retry.base"), self.base),
            cap: reader.or(&format!("{section}.retry.cap"), self.cap),
            factor: reader.or(&format!("{section}.retry.factor"), self.factor),
        };
        // What is wrong for all was said once.
        if retry == self {
            retry
        } else {
            retry.checked(reader, &format!("{section}.retry"))
        }
    }

    fn checked(self, reader: &mut Reader<'_>, section: &str) -> Self {
        let written = [format!("{section}.cap"), format!("{section}.base")];
        let found = written
            .into_iter()
            .find_map(|place| reader.source.find(&place).map(|found| (place, found.origin)));
        if self.cap < self.base
            && let Some((place, origin)) = found
        {
            let what = "makes `cap` shorter than `base`";
            let hint = "Raise `cap` or lower `base`.";
            reader.fail(place, &origin, Defect::new(Code::Conflict, what, hint));
        }
        self
    }
}

/// `[breaker]`, for all or for one provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Breaker {
    /// Faults in a row that open it; 0 is off.
    pub failures: u32,
    /// How long it stays open.
    pub open: Duration,
    /// Good probes that close it.
    pub successes: u32,
}

impl Breaker {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            failures: reader.get("breaker.failures"),
            open: reader.get("breaker.open"),
            successes: reader.get("breaker.successes"),
        }
    }

    pub(crate) fn overridden(self, reader: &mut Reader<'_>, section: &str) -> Self {
        Self {
            failures: reader.or(&format!("{section}.breaker.failures"), self.failures),
            open: reader.or(&format!("{section}.breaker.open"), self.open),
            successes: reader.or(&format!("{section}.breaker.successes"), self.successes),
        }
    }
}

/// `[sandbox]`, for all or for one provider: limits of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sandbox {
    /// Memory, summed.
    pub memory: Size,
    /// Computing time.
    pub cpu: Duration,
    /// Time, waiting included.
    pub timeout: Duration,
    /// What may be in the component's own directory. `None`: no limit for a built-in component, 1 GiB for another.
    pub state: Option<Size>,
}

impl Sandbox {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            memory: reader.get("sandbox.memory"),
            cpu: reader.get("sandbox.cpu"),
            timeout: reader.get("sandbox.timeout"),
            state: reader.optional("sandbox.state").map(|(size, _)| size),
        }
    }

    pub(crate) fn overridden(self, reader: &mut Reader<'_>, section: &str) -> Self {
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
pub(crate) struct Shared {
    pub(crate) max_upload_size: Size,
    pub(crate) retry: Retry,
    pub(crate) breaker: Breaker,
    pub(crate) sandbox: Sandbox,
}
