//! Vendors, their keys and limits, and the shared ledger.

use super::super::toml_text::{list, quoted};
use super::draft::SettingsDraft;

const MIB: u64 = 1 << 20;

/// What one vendor's keys were called.
struct Vendor {
    name: &'static str,
    credentials: &'static [&'static str],
    addresses: &'static [&'static str],
    /// The one that needs no setting.
    usual: &'static str,
    sizes: &'static [(&'static str, u64)],
    concurrency: &'static [(&'static str, u64)],
    timeout: &'static [&'static str],
}

const VENDORS: [Vendor; 2] = [
    Vendor {
        name: "kimi",
        credentials: &["KIMI_API_KEY", "MOONSHOT_API_KEY"],
        addresses: &["KIMI_API_URL", "KIMI_BASE_URL"],
        usual: "https://api.moonshot.ai/v1",
        sizes: &[("KIMI_FILES_MAX_SIZE_MB", MIB), ("MAX_FILE_SIZE_KIMI", 1)],
        concurrency: &[("KIMI_FILES_MAX_PARALLEL", 1), ("EXAI_WS_KIMI_MAX_INFLIGHT", 1)],
        timeout: &["FILE_UPLOAD_TIMEOUT_SECS"],
    },
    Vendor {
        name: "glm",
        credentials: &["GLM_API_KEY", "ZHIPUAI_API_KEY"],
        addresses: &["GLM_API_URL", "GLM_BASE_URL", "ZHIPUAI_API_URL", "ZHIPUAI_BASE_URL"],
        usual: "https://api.z.ai/api/paas/v4",
        sizes: &[("GLM_FILES_MAX_SIZE_MB", MIB), ("MAX_FILE_SIZE_GLM", 1)],
        concurrency: &[("EXAI_WS_GLM_MAX_INFLIGHT", 1)],
        timeout: &["GLM_FILE_UPLOAD_TIMEOUT_SECS", "FILE_UPLOAD_TIMEOUT_SECS"],
    },
];

pub(super) fn providers(draft: &mut SettingsDraft) {
    let mut order = Vec::new();
    let mut from = Vec::new();
    for vendor in &VENDORS {
        if let Some(key) = one(draft, vendor) {
            order.push(vendor.name.to_owned());
            from.push(key);
        }
    }
    let from: Vec<&str> = from.iter().map(String::as_str).collect();
    if order.len() > 1 {
        draft.take(&from, "order", list(&order));
    }
    fallback(draft);
    ledger(draft);
}

/// The key of its credential, if it has one.
fn one(draft: &mut SettingsDraft, vendor: &Vendor) -> Option<String> {
    let name = vendor.name;
    let Some((key, secret)) = draft.first_of(vendor.credentials) else {
        for key in vendor.credentials {
            draft.obsolete(key, "it is empty: the vendor is not used");
        }
        let why = format!("there is no key for `{name}`");
        let numbers = vendor.sizes.iter().chain(vendor.concurrency).map(|(key, _)| *key);
        let others = ["KIMI_FILES_PARALLEL_UPLOADS", "KIMI_FILES_MAX_COUNT"];
        let own = numbers
            .chain(vendor.addresses.iter().copied())
            .chain(vendor.timeout.iter().copied());
        for key in own.chain(others.into_iter().filter(|_| name == "kimi")) {
            // What says something about every vendor is not this one's alone.
            if key != "FILE_UPLOAD_TIMEOUT_SECS" {
                draft.obsolete(key, &why);
            }
        }
        return None;
    };
    let reference = draft.reference(&key);
    // A GLM key is an id and a secret, and is sent as a token that it signs; a proxy's key is sent as it is.
    let credential = match name == "glm" && secret.split('.').count() == 2 {
        true => format!("{{ kind = \"glm-signed\", value = {} }}", quoted(&reference)),
        false => format!(
            "{{ header = \"Authorization\", value = {} }}",
            quoted(&format!("Bearer {reference}"))
        ),
    };
    draft.take(&[&key], &format!("providers.{name}.credential"), credential);
    address(draft, vendor);
    if let Some((key, bytes)) = draft.smallest(vendor.sizes) {
        draft.take(
            &[&key],
            &format!("providers.{name}.limits.max_upload_size"),
            size(bytes),
        );
    }
    concurrency(draft, vendor);
    if let Some((key, _)) = draft.first_of(vendor.timeout)
        && let Some(seconds) = draft.seconds(&key)
    {
        draft.take(&[&key], &format!("providers.{name}.sandbox.timeout"), seconds);
    }
    if name == "kimi" && draft.number("KIMI_FILES_MAX_COUNT").is_some_and(|count| count > 0) {
        draft.refuse(
            "KIMI_FILES_MAX_COUNT",
            "a request has one file; bound a tenant with `max_files` of `[[tenants]]`",
        );
    }
    draft.obsolete("KIMI_FILES_MAX_COUNT", "0 meant no bound, and there is none");
    Some(key)
}

fn address(draft: &mut SettingsDraft, vendor: &Vendor) {
    let Some((key, url)) = draft.first_of(vendor.addresses) else {
        return;
    };
    let url = url.trim_end_matches('/');
    let authority = url
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default();
    let known = ["z.ai", "bigmodel.cn"]
        .iter()
        .any(|host| authority == *host || authority.ends_with(&format!(".{host}")));
    if url == vendor.usual {
        draft.obsolete(&key, "it is the address that is used anyway");
    } else if vendor.name == "glm" && !known {
        let todo = "set `providers.glm.settings` to this `base_url` and the `region` that it is, `zai` or `bigmodel`";
        draft.refuse(&key, todo);
    } else {
        draft.take(
            &[&key],
            &format!("providers.{}.settings.base_url", vendor.name),
            quoted(url),
        );
    }
}

fn concurrency(draft: &mut SettingsDraft, vendor: &Vendor) {
    let path = format!("providers.{}.limits.concurrency", vendor.name);
    let alone = vendor.name == "kimi" && draft.flag("KIMI_FILES_PARALLEL_UPLOADS") == Some(false);
    if alone {
        draft.take(&["KIMI_FILES_PARALLEL_UPLOADS"], &path, "1".to_owned());
        for (key, _) in vendor.concurrency {
            draft.obsolete(key, "KIMI_FILES_PARALLEL_UPLOADS allows one upload at a time");
        }
        return;
    }
    if vendor.name == "kimi" {
        draft.obsolete("KIMI_FILES_PARALLEL_UPLOADS", "uploads run side by side");
    }
    if let Some((key, most)) = draft.smallest(vendor.concurrency) {
        draft.take(&[&key], &path, most.to_string());
    }
}

fn fallback(draft: &mut SettingsDraft) {
    if draft.flag("ENABLE_FALLBACK") == Some(false) {
        draft.refuse(
            "ENABLE_FALLBACK",
            "an upload that names its provider never falls back: clients name one",
        );
    }
    draft.obsolete("ENABLE_FALLBACK", "`auto` falls back");
}

/// Records in Supabase: the shared ledger, with the schema that `loadlock tracker migrate` makes.
fn ledger(draft: &mut SettingsDraft) {
    draft.refuse(
        "SUPABASE_DB_URL",
        "give it to `loadlock tracker migrate --apply`, once, in LOADLOCK_DATABASE",
    );
    let url = draft
        .value("SUPABASE_URL")
        .map(|url| url.trim_end_matches('/').to_owned());
    let Some(url) = url.filter(|_| draft.value("SUPABASE_SERVICE_ROLE_KEY").is_some()) else {
        let todo =
            "the shared ledger needs SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY; without them it is beneath `home`";
        for key in ["SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"] {
            match draft.value(key) {
                Some(_) => draft.refuse(key, todo),
                None => draft.obsolete(key, "it is empty: the ledger is beneath `home`"),
            }
        }
        return;
    };
    let both = ["SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"];
    let reference = draft.reference("SUPABASE_SERVICE_ROLE_KEY");
    let rest = format!("{url}/rest/v1");
    draft.take(&both[..1], "tracker.component", quoted("builtin:tracker-supabase"));
    draft.take(&both[..1], "tracker.settings", format!("{{ url = {} }}", quoted(&rest)));
    let egress = format!("[{{ url = {}, methods = [\"POST\"] }}]", quoted(&format!("{rest}/rpc")));
    draft.take(&both[..1], "tracker.egress", egress);
    let header = |name: &str, value: String| format!("{{ header = {}, value = {} }}", quoted(name), quoted(&value));
    let credentials = [
        header("apikey", reference.clone()),
        header("Authorization", format!("Bearer {reference}")),
    ]
    .join(", ");
    draft.take(&both[1..], "tracker.credential", format!("[{credentials}]"));
}

/// Bytes as the configuration writes them.
pub(super) fn size(bytes: u64) -> String {
    quoted(&loadlock::config::Size(bytes).to_string())
}
