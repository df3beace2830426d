//! Every setting, once.

use std::time::Duration;

use loadlock_policy::Millis;
use loadlock_policy::breaker::BreakerPolicy;
use loadlock_policy::retry::RetryPolicy;

use super::fields::{CREDENTIAL, EGRESS, GRANT, KEY, LEGACY, TENANT, TLS, TRUST, WEBHOOK};
use super::kinds::{Preset, Setting, SettingKind};
use crate::Size;
use crate::values::show_duration;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

const fn size(min: u64, max: u64) -> SettingKind {
    SettingKind::Size {
        min: Size(min),
        max: Size(max),
    }
}

const fn milliseconds(min: u64, max: u64) -> SettingKind {
    SettingKind::Duration {
        min: Duration::from_millis(min),
        max: Duration::from_millis(max),
    }
}

/// A default of policy's as one would write it.
fn time(span: Millis) -> String {
    show_duration(span.into())
}

const HOUR: u64 = 3_600_000;

/// A sandbox has some 4 GiB of address space for each call; 4,096 of them are an eighth of what a process has.
const MOST_IN_FLIGHT: u32 = 4_096;

/// Every setting, in the order of the documentation.
pub static SETTINGS: &[Setting] = &[
    Setting {
        places: &["home"],
        kind: SettingKind::Path,
        default: Preset::Described("`loadlock` in the platform's data directory"),
        meaning: "Where Loadlock keeps its state: journal, ledger, spool, compiled components, signing key. One \
             process owns it.",
    },
    Setting {
        places: &["order"],
        kind: SettingKind::Texts,
        default: Preset::Described("every provider, in the order of the file"),
        meaning: "The operator's ranking for `auto`, best first. A provider that is not in the list takes pinned \
             uploads only.",
    },
    Setting {
        places: &["keep"],
        kind: SettingKind::Name,
        default: Preset::Described("none: an upload is stored by the provider that takes it, and nowhere else"),
        meaning: "The provider that gets each upload first, such as a `builtin:local`. The provider that the upload is \
             for gets a copy from there, also again when its own has expired, and any other that it is copied to. It \
             is not in `order`. Both count against a tenant's limits.",
    },
    Setting {
        places: &["grants"],
        kind: SettingKind::Records(GRANT),
        default: Preset::Described(
            "the current directory, for the local command line; none if that is `/` or at or below `home`",
        ),
        meaning: "Folders that files may be uploaded from. Everything else on the disk is refused. `grants = []` \
             grants nothing.",
    },
    Setting {
        places: &["limits.max_upload_size", "providers.<name>.limits.max_upload_size"],
        kind: size(1, 64 * TIB),
        default: Preset::Value("16 GiB"),
        meaning: "Largest file. A provider's own limit applies as well.",
    },
    Setting {
        places: &["server.tls"],
        kind: SettingKind::Records(TLS),
        default: Preset::Described("none: plain HTTP"),
        meaning: "`loadlock serve` speaks HTTPS with this certificate. Beyond loopback it needs one, or \
             `--plain-http` behind a proxy that speaks TLS. The files are read again when they change.",
    },
    Setting {
        places: &["server.trusted_proxies"],
        kind: SettingKind::Texts,
        default: Preset::Described("none: the client is the peer of the connection"),
        meaning: "Addresses and networks of proxies in front. From them `Forwarded` or `X-Forwarded-For` names the \
             client, by whose address failed logins are limited and requests are audited; from any other \
             address these headers mean nothing. `proxy-protocol:` before an address: its connections begin with a \
             header of the PROXY protocol, version 1 or 2.",
    },
    Setting {
        places: &["server.origins"],
        kind: SettingKind::Texts,
        default: Preset::Described("none: no page of another origin may ask"),
        meaning: "Origins of web pages that may ask from a browser (CORS): `https://app.example`, or \
             `https://*.app.example` for every name below it. They get no cookies, so each request needs a token or an \
             upload grant. Plain `http` is for loopback alone.",
    },
    Setting {
        places: &["server.drain"],
        kind: milliseconds(0, 600_000),
        default: Preset::Value("0s"),
        meaning: "How long `loadlock serve` goes on serving after SIGTERM while `/readyz` answers 503, so that a \
             balancer in front sends its clients elsewhere first. Ctrl-C does not wait for it.",
    },
    Setting {
        places: &["limits.spool_size"],
        kind: size(MIB, 64 * TIB),
        default: Preset::Value("16 GiB"),
        meaning: "Most bytes of request bodies on the disk at once. Files uploaded by path are not copied.",
    },
    Setting {
        places: &["limits.tus_expiry"],
        kind: milliseconds(1_000, 30 * 24 * HOUR),
        default: Preset::Value("24h"),
        meaning: "How long a tus upload is kept after its last byte arrived. Then its bytes are removed.",
    },
    Setting {
        places: &["limits.concurrency", "providers.<name>.limits.concurrency"],
        kind: SettingKind::Integer {
            min: 1,
            max: MOST_IN_FLIGHT,
        },
        default: Preset::Described("128 for each core of the machine, at most 1,024"),
        meaning: "Most uploads in flight. Each holds up to half a MiB while its vendor takes its time. For a provider \
             without its own number the one that its vendor documents holds as well; a larger one than the gateway's \
             changes nothing.",
    },
    Setting {
        places: &["limits.cut_through"],
        kind: size(64 * KIB, 64 * TIB),
        default: Preset::Value("1 MiB"),
        meaning: "Smallest body that is sent to a provider while it arrives. Smaller ones, and those of which something \
             has to be known first, are sent once they are whole. `64 TiB` switches it off.",
    },
    Setting {
        places: &["limits.cut_through_idle"],
        kind: milliseconds(100, HOUR),
        default: Preset::Value("20s"),
        meaning: "How long a provider is kept waiting for a client that sends nothing; then the body is taken in whole \
             and sent again. Below what the vendors wait for.",
    },
    Setting {
        places: &[
            "providers.<name>.component",
            "tracker.component",
            "validator.component",
            "auth.component",
        ],
        kind: SettingKind::Component,
        default: Preset::Described(
            "the built-in one: `builtin:NAME` for a provider that is named like one, `builtin:tracker-local`, \
             `builtin:validator`, `builtin:auth`",
        ),
        meaning: "The component that plays the role, optionally pinned by the SHA-256 of its file. `locked:NAME` is one \
             from a registry that `loadlock component add` has put into `loadlock.lock`.",
    },
    Setting {
        places: &["components.trust"],
        kind: SettingKind::Records(TRUST),
        default: Preset::Described("none: nothing is taken from a registry"),
        meaning: "Whose signatures do for components from registries. What nobody of them has signed is refused; there \
             is no way around it.",
    },
    Setting {
        places: &["providers.<name>.settings", "tracker.settings"],
        kind: SettingKind::Map,
        default: Preset::Described("empty"),
        meaning: "Settings of the component: strings, whole numbers or booleans; names in lower case. The component \
             sees them, so no secret belongs here.",
    },
    Setting {
        places: &["providers.<name>.egress", "tracker.egress"],
        kind: SettingKind::Records(EGRESS),
        default: Preset::Described(
            "what a built-in provider asks for at its base URL; nothing for every other component: every request is \
             refused",
        ),
        meaning: "Requests that the component may send. It reaches what it asks for and this allows, nothing else. \
             `egress = []` allows nothing.",
    },
    Setting {
        places: &["providers.<name>.credential", "tracker.credential"],
        kind: SettingKind::Records(CREDENTIAL),
        default: Preset::Described("none"),
        meaning: "Headers that the host adds to the component's requests. The component never sees them. Never sent \
             over plain HTTP except to loopback.",
    },
    Setting {
        places: &["providers.<name>.ca_file", "tracker.ca_file"],
        kind: SettingKind::Path,
        default: Preset::Described("the platform's trusted roots"),
        meaning: "PEM file of the certificate authorities to trust instead of the platform's.",
    },
    Setting {
        places: &["providers.<name>.account"],
        kind: SettingKind::Name,
        default: Preset::Described("a keyed fingerprint of the credential"),
        meaning: "Name of the vendor account. Equal files are uploaded once per account; keep the name when you \
             change the key.",
    },
    Setting {
        places: &["providers.<name>.purposes"],
        kind: SettingKind::Map,
        default: Preset::Described("empty: purposes are passed as they are"),
        meaning: "What a client's purpose is called at this vendor, for example `{ user_data = \"file-extract\" }`.",
    },
    Setting {
        places: &["providers.<name>.forward"],
        kind: SettingKind::Texts,
        default: Preset::Described("none: no request of a client goes on to the vendor"),
        meaning: "Requests that go on to the vendor with its credential, as `METHOD /path`: `POST /v1/responses`, \
             `GET /v1/batches/{id}`. A path beneath `/v1` is beneath the vendor's base URL, any other is as the vendor \
             has it; where `egress` is listed it has to allow them too. Ids of files in the body become the vendor's. \
             Whoever may `write` may then spend from the account.",
    },
    Setting {
        places: &["validator.allow"],
        kind: SettingKind::Texts,
        default: Preset::Described("any name"),
        meaning: "Patterns (`*`, `?`) over the name, or over `folder/name` if they hold a `/`. If there are any, a \
             file must match one.",
    },
    Setting {
        places: &["validator.deny"],
        kind: SettingKind::Texts,
        default: Preset::Described("none"),
        meaning: "Patterns as in `validator.allow`. A file that matches one is refused.",
    },
    Setting {
        places: &["validator.deny_types"],
        kind: SettingKind::Texts,
        default: Preset::Described("none"),
        meaning: "Media types that are refused; `application/x-*` is a pattern.",
    },
    Setting {
        places: &["validator.skip"],
        kind: SettingKind::Texts,
        default: Preset::Described("none: every check runs"),
        meaning: "Checks to leave out: `empty` (empty files), `mismatch` (content that contradicts the extension), \
             `secrets` (files that look like credentials, by their name, their folder or their first 8 KiB: a key in \
             the middle of a long file is not found).",
    },
    Setting {
        places: &["auth.audiences"],
        kind: SettingKind::Texts,
        default: Preset::Value("loadlock"),
        meaning: "A token's `aud` must hold one of these.",
    },
    Setting {
        places: &["auth.leeway"],
        kind: milliseconds(0, 600_000),
        default: Preset::Value("60s"),
        meaning: "How far clocks may differ; whole seconds.",
    },
    Setting {
        places: &["auth.keys"],
        kind: SettingKind::Records(KEY),
        default: Preset::Described("none"),
        meaning: "Keys that tokens may be signed with, besides the one that Loadlock makes in `home`.",
    },
    Setting {
        places: &["auth.legacy"],
        kind: SettingKind::Records(LEGACY),
        default: Preset::Described("none"),
        meaning: "Credentials from before tokens, good until `auth.legacy_until`.",
    },
    Setting {
        places: &["auth.legacy_until"],
        kind: SettingKind::Date,
        default: Preset::Described("legacy credentials are refused"),
        meaning: "The instant from which legacy credentials are refused, for example `2027-01-01T00:00:00Z`. A \
             restart does not move it.",
    },
    Setting {
        places: &["auth.revoked"],
        kind: SettingKind::Texts,
        default: Preset::Described("none"),
        meaning: "Token ids (`jti`) that are no longer good.",
    },
    Setting {
        places: &["tenants"],
        kind: SettingKind::Records(TENANT),
        default: Preset::Described("none: every tenant is unlimited"),
        meaning: "What each tenant may use. What a record does not name is unlimited.",
    },
    Setting {
        places: &["webhooks"],
        kind: SettingKind::Records(WEBHOOK),
        default: Preset::Described("none: nobody is told"),
        meaning: "Who is told of the ends of uploads, after Standard Webhooks: each event at least once, those of one \
             file in their order. A receiver that is away holds up no upload.",
    },
    Setting {
        places: &["retry.attempts", "providers.<name>.retry.attempts"],
        kind: SettingKind::Integer { min: 1, max: 20 },
        default: Preset::Of(|| RetryPolicy::default().attempts.to_string()),
        meaning: "Most attempts of one upload at one provider. 1 switches retries off.",
    },
    Setting {
        places: &["retry.base", "providers.<name>.retry.base"],
        kind: milliseconds(1, HOUR),
        default: Preset::Of(|| time(RetryPolicy::default().base)),
        meaning: "Upper bound of the first wait; each wait is drawn between nothing and its bound.",
    },
    Setting {
        places: &["retry.cap", "providers.<name>.retry.cap"],
        kind: milliseconds(1, HOUR),
        default: Preset::Of(|| time(RetryPolicy::default().cap)),
        meaning: "The largest bound of a wait, and the longest `Retry-After` that is honoured.",
    },
    Setting {
        places: &["retry.factor", "providers.<name>.retry.factor"],
        kind: SettingKind::Ratio { min: 1, max: 10 },
        default: Preset::Of(|| RetryPolicy::default().factor.to_string()),
        meaning: "The factor by which the bound grows from one wait to the next.",
    },
    Setting {
        places: &["retry.deadline"],
        kind: milliseconds(1_000, 7 * 24 * HOUR),
        default: Preset::Value("1h"),
        meaning: "One deadline for a whole upload: every attempt, wait and provider. It wins over every other time.",
    },
    Setting {
        places: &["dedup.verify_after"],
        kind: milliseconds(0, 400 * 24 * HOUR),
        default: Preset::Value("24h"),
        meaning: "A stored file that was last seen at the vendor longer ago than this is looked up there before it is \
             reused. `0s`: always. A vendor that cannot be asked about a single file is trusted.",
    },
    Setting {
        places: &["breaker.failures", "providers.<name>.breaker.failures"],
        kind: SettingKind::Integer { min: 0, max: 1_000 },
        default: Preset::Of(|| BreakerPolicy::default().failures.to_string()),
        meaning: "Provider faults in a row that open the breaker; in a server they make the provider suspect: \
             it is probed at once, and the breaker opens if that fails too, or at twice as many faults. 0 switches \
             it off.",
    },
    Setting {
        places: &["breaker.open", "providers.<name>.breaker.open"],
        kind: milliseconds(1, 24 * HOUR),
        default: Preset::Of(|| time(BreakerPolicy::default().open_for)),
        meaning: "How long it stays open before a probe.",
    },
    Setting {
        places: &["breaker.successes", "providers.<name>.breaker.successes"],
        kind: SettingKind::Integer { min: 1, max: 100 },
        default: Preset::Of(|| BreakerPolicy::default().successes.to_string()),
        meaning: "Good probes that close it.",
    },
    Setting {
        places: &["sandbox.memory", "providers.<name>.sandbox.memory"],
        kind: size(64 * KIB, 16 * GIB),
        default: Preset::Value("256 MiB"),
        meaning: "Most memory of one call, summed over all memories of the component.",
    },
    Setting {
        places: &["sandbox.cpu", "providers.<name>.sandbox.cpu"],
        kind: milliseconds(10, 24 * HOUR),
        default: Preset::Value("30s"),
        meaning: "Most time that one call may compute. Waiting for the disk or the network does not count.",
    },
    Setting {
        places: &["sandbox.timeout", "providers.<name>.sandbox.timeout"],
        kind: milliseconds(10, 24 * HOUR),
        default: Preset::Value("30m"),
        meaning: "Most time that one call may take, waiting included.",
    },
    Setting {
        places: &["sandbox.state", "providers.<name>.sandbox.state"],
        kind: size(64 * KIB, 64 * TIB),
        default: Preset::Described("no limit for built-in components, 1 GiB for others"),
        meaning: "Most bytes in the component's own directory, holes in files included, and most that one call writes \
                  there; a file or folder for each 16 KiB of it, and at least 1,000.",
    },
    Setting {
        places: &["router.size_threshold"],
        kind: size(1, 64 * TIB),
        default: Preset::Described("none: providers are chosen by what they can take"),
        meaning: "For `auto`: up to this size the first provider of `order` is preferred, above it the second. \
             Refused if that provider cannot take such a file.",
    },
];

/// The variables that are no settings, with their meaning.
pub static ENVIRONMENT: &[(&str, &str)] = &[
    (
        "LOADLOCK_CONFIG",
        "Path of the configuration file, if `--config` does not name one.",
    ),
    (
        "LOADLOCK_DATABASE",
        "PostgreSQL connection string of `loadlock tracker`, if `--database` does not give one.",
    ),
    (
        "LOADLOCK_LOG",
        "What is logged, as a filter such as `info` or `loadlock=debug`.",
    ),
    (
        "LOADLOCK_TOKEN",
        "Token that the command line presents to a running gateway.",
    ),
];
