//! `[[components.trust]]`: whose signatures do for components from registries.

use std::path::PathBuf;

use crate::error::{Code, Defect, quoted};
use crate::read::{ConfigReader, RecordReader};

/// One of `components.trust`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrustRule {
    /// `HOST/REPOSITORY`, or `HOST/FOLDER/*` for everything below.
    pub pattern: String,
    /// Public keys, PEM files, canonical.
    pub keys: Vec<PathBuf>,
    /// Ids of keys whose signatures do not count.
    pub revoked: Vec<String>,
    /// How many different keys have to sign.
    pub threshold: u32,
    /// Other hosts that the registry may send us to.
    pub hosts: Vec<String>,
}

impl TrustRule {
    /// How many characters of `source` (`HOST/REPOSITORY`) it names; `None` if it is not about it.
    fn matches(&self, source: &str) -> Option<usize> {
        match self.pattern.strip_suffix('*') {
            Some(start) => source.starts_with(start).then_some(start.len()),
            None => (self.pattern == source).then_some(usize::MAX),
        }
    }
}

/// The rule for a source, `HOST/REPOSITORY`: the one whose pattern says most.
///
/// A key that any rule revokes is revoked for all of them: that is for [`revoked_keys`].
pub fn trust_for<'r>(rules: &'r [TrustRule], source: &str) -> Option<&'r TrustRule> {
    let matching = rules.iter().filter_map(|rule| Some((rule.matches(source)?, rule)));
    matching.max_by_key(|(length, _)| *length).map(|(_, rule)| rule)
}

/// Ids of all keys that are revoked.
pub fn revoked_keys(rules: &[TrustRule]) -> impl Iterator<Item = &String> {
    rules.iter().flat_map(|rule| &rule.revoked)
}

/// Reads `[[components.trust]]`.
pub(crate) fn trust(reader: &mut ConfigReader<'_>) -> Vec<TrustRule> {
    const PLACE: &str = "components.trust";
    let records = reader.records(PLACE).unwrap_or_default();
    if records.is_empty() {
        reader.explain_default(PLACE);
    }
    let mut rules: Vec<TrustRule> = Vec::new();
    for record in &records {
        let Some(rule) = rule(reader, record) else { continue };
        if rules.iter().any(|other| other.pattern == rule.pattern) {
            let what = format!("is {} a second time", quoted(&rule.pattern));
            let defect = Defect::new(Code::Conflict, what, "Write one entry with all of its keys.");
            let origin = record.origin_of(reader, "match");
            reader.fail(record.key_of("match"), &origin, defect);
        }
        reader.explain(&record.key, describe(&rule), &record.origin);
        rules.push(rule);
    }
    rules
}

fn rule<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<TrustRule> {
    // All fields are read, so that every mistake is named.
    let threshold = record.count(reader, "threshold");
    let revoked = record.texts(reader, "revoked").unwrap_or_default();
    for (index, item) in revoked.iter().enumerate() {
        if !is_key_id(&item.text) {
            let what = format!("cannot be {}", quoted(&item.text));
            let hint =
                "Write the id of a key, 64 hexadecimal digits in lower case: `loadlock component verify` shows it.";
            let key = format!("{}[{index}]", record.key_of("revoked"));
            reader.fail(key, &item.origin, Defect::new(Code::BadValue, what, hint));
        }
    }
    let hosts = record.texts(reader, "hosts").unwrap_or_default();
    let key_files = record.texts(reader, "keys");
    let pattern = record.text(reader, "match")?;
    if !is_pattern(&pattern.text) {
        let what = format!("cannot be {}", quoted(&pattern.text));
        let hint = "Write `HOST/REPOSITORY`, or `HOST/FOLDER/*` for everything below; the host has no `*`.";
        reader.fail(
            record.key_of("match"),
            &pattern.origin,
            Defect::new(Code::BadValue, what, hint),
        );
        return None;
    }
    let key_files = key_files?;
    let mut keys = Vec::new();
    for (index, item) in key_files.iter().enumerate() {
        let key = format!("{}[{index}]", record.key_of("keys"));
        keys.extend(reader.existing_file(&key, &item.text, &item.origin));
    }
    let threshold = threshold.unwrap_or(1);
    if key_files.len() < threshold as usize || key_files.is_empty() {
        let what = format!("asks for {threshold} of {} keys", key_files.len());
        let defect = Defect::new(Code::Conflict, what, "Name the keys, or lower `threshold`.");
        let origin = record.origin_of(reader, "threshold");
        reader.fail(record.key_of("threshold"), &origin, defect);
    }
    Some(TrustRule {
        pattern: pattern.text,
        keys,
        revoked: revoked.into_iter().map(|item| item.text).collect(),
        threshold,
        hosts: hosts.into_iter().map(|item| item.text).collect(),
    })
}

fn is_key_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A host, then lower-case names with `/` between them; the last may be `*`.
fn is_pattern(text: &str) -> bool {
    let Some((host, path)) = text.split_once('/') else {
        return false;
    };
    let path = path
        .strip_suffix("/*")
        .unwrap_or(if path == "*" { "all" } else { path });
    let plain = |segment: &str| {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        !segment.is_empty() && segment.bytes().all(good)
    };
    let host_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    !host.is_empty() && host.bytes().all(host_byte) && path.split('/').all(plain)
}

fn describe(rule: &TrustRule) -> String {
    let names: Vec<String> = rule.keys.iter().map(|key| key.display().to_string()).collect();
    let mut text = format!("{}: {} of {}", rule.pattern, rule.threshold, names.join(", "));
    if !rule.revoked.is_empty() {
        text.push_str(&format!(", revoked {}", rule.revoked.join(", ")));
    }
    if !rule.hosts.is_empty() {
        text.push_str(&format!(", also at {}", rule.hosts.join(", ")));
    }
    text
}
