//! What each tenant may use.

use crate::error::{Code, Defect, quoted};
use crate::read::{ConfigReader, RecordReader};
use crate::values::Size;

/// One of `tenants`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tenant {
    /// The tenant; `*` is each one without an entry of its own.
    pub name: String,
    /// Most bytes of its files.
    pub max_bytes: Option<Size>,
    /// Most files.
    pub max_files: Option<u32>,
    /// Most requests in a minute.
    pub requests_per_minute: Option<u32>,
    /// Most uploads at once.
    pub concurrent_uploads: Option<u32>,
    /// Tenants of one group share remote files.
    pub dedup_group: Option<String>,
}

/// Reads `[[tenants]]`.
pub(crate) fn tenants(reader: &mut ConfigReader<'_>) -> Vec<Tenant> {
    let records = reader.records("tenants").unwrap_or_default();
    if records.is_empty() {
        reader.explain_default("tenants");
    }
    let mut tenants: Vec<Tenant> = Vec::new();
    for record in &records {
        let Some(tenant) = tenant(reader, record) else {
            continue;
        };
        if tenants.iter().any(|other| other.name == tenant.name) {
            let what = format!("is {} a second time", quoted(&tenant.name));
            let defect = Defect::new(Code::Conflict, what, "Write one entry for each tenant.");
            let origin = record.origin_of(reader, "name");
            reader.fail(record.key_of("name"), &origin, defect);
        }
        reader.explain(&record.key, describe(&tenant), &record.origin);
        tenants.push(tenant);
    }
    tenants
}

fn tenant<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<Tenant> {
    // All fields are read, so that every mistake is named.
    let (max_bytes, max_files) = (record.size(reader, "max_bytes", 1), record.count(reader, "max_files"));
    let (requests_per_minute, concurrent_uploads) = (
        record.count(reader, "requests_per_minute"),
        record.count(reader, "concurrent_uploads"),
    );
    let dedup_group = record.text(reader, "dedup_group");
    let name = record.text(reader, "name")?.text;
    if let Some(group) = &dedup_group
        && name == "*"
    {
        let what = "cannot be set for `*`: who shares files is named";
        let defect = Defect::new(Code::Conflict, what, "Name each tenant of the group.");
        reader.fail(record.key_of("dedup_group"), &group.origin, defect);
    }
    Some(Tenant {
        name,
        max_bytes,
        max_files,
        requests_per_minute,
        concurrent_uploads,
        dedup_group: dedup_group.map(|group| group.text),
    })
}

fn describe(tenant: &Tenant) -> String {
    let mut limits = Vec::new();
    if let Some(bytes) = tenant.max_bytes {
        limits.push(bytes.to_string());
    }
    for (limit, what) in [
        (tenant.max_files, "files"),
        (tenant.requests_per_minute, "requests a minute"),
        (tenant.concurrent_uploads, "uploads at once"),
    ] {
        if let Some(limit) = limit {
            limits.push(format!("{limit} {what}"));
        }
    }
    if let Some(group) = &tenant.dedup_group {
        limits.push(format!("shares remote files with `{group}`"));
    }
    let limits = if limits.is_empty() {
        "unlimited".to_owned()
    } else {
        limits.join(", ")
    };
    format!("{}: {limits}", tenant.name)
}
