//! Which bucket, under which keys, and what it takes.

use loadlock_sdk::prelude::*;
use loadlock_sdk::profile::{PurposeFacts, max_concurrency, need, purposes};
use loadlock_sdk::s3_shape::Bucket;
use loadlock_sdk::settings::wrong;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// S3 knows no purposes, so there is one word for all. What an object may weigh is AWS's documented 5 TiB.
const OBJECT: PurposeFacts = PurposeFacts {
    name: "object",
    max_bytes: Some(5 << 40),
    content: ContentKind::Raw,
    ..PurposeFacts::ANY
};

/// Everything that the settings say.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) bucket: Bucket,
    /// Largest object of one request.
    pub(crate) single_max_bytes: u64,
    /// Bytes of each part of a larger one, unless there would be too many.
    pub(crate) part_bytes: u64,
}

impl Store {
    pub(crate) fn from_env() -> Result<Self, Failure> {
        Self::read(&Settings::from_env())
    }

    pub(crate) fn read(settings: &Settings) -> Result<Self, Failure> {
        let name = settings.required("bucket")?;
        let plain = |text: &str, more: &[u8]| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        if !plain(&name, b".-_") || name.starts_with('.') || name.len() > 255 {
            return Err(wrong("bucket", "is not the name of a bucket"));
        }
        let prefix = settings.text("prefix").unwrap_or_else(|| "loadlock".to_owned());
        let odd = |part: &str| part.is_empty() || part.starts_with('.') || !plain(part, b".-_");
        if prefix.len() > 200 || prefix.split('/').any(odd) {
            return Err(wrong(
                "prefix",
                "must be names of letters, digits, `.`, `-` and `_`, with `/` between them",
            ));
        }
        let base = settings.base("base_url", &settings.required("base_url")?)?;
        let (base, path) = match settings.choice("style", &["path", "virtual"])? {
            "virtual" => {
                let (scheme, rest) = if base.is_secure() {
                    ("https", &base)
                } else {
                    ("http", &base)
                };
                let text = format!("{scheme}://{name}.{}{}", rest.authority(), rest.path_of(""));
                (
                    Base::parse(&text).map_err(|why| wrong("base_url", why))?,
                    "/".to_owned(),
                )
            }
            _ => (base, format!("/{name}")),
        };
        let within = |name: &str, default: u64, least: u64, most: u64| match settings.number(name)? {
            Some(bytes) if bytes < least || bytes > most => {
                Err(wrong(name, &format!("must be from {least} to {most}")))
            }
            bytes => Ok(bytes.unwrap_or(default)),
        };
        Ok(Self {
            bucket: Bucket {
                base,
                name,
                path,
                prefix,
                keeps_versions: settings.flag("versioned")?.unwrap_or(false),
                has_checksums: settings.flag("checksums")?.unwrap_or(true),
            },
            single_max_bytes: within("single_max_bytes", 64 * MIB, 1, 5 * GIB)?,
            part_bytes: within("part_bytes", 16 * MIB, 5 * MIB, 5 * GIB)?,
        })
    }

    pub(crate) fn profile(&self, settings: &Settings) -> Result<Profile, Failure> {
        let bucket = &self.bucket;
        let purposes = purposes(&[OBJECT], &OBJECT, settings)?;
        let lists = [
            Operation::Listing,
            Operation::Probe,
            Operation::Upload,
            Operation::Locate,
        ];
        let key = bucket.below(&bucket.prefix);
        let reads = [
            Operation::Upload,
            Operation::Locate,
            Operation::Stat,
            Operation::Content,
            Operation::Delete,
        ];
        let ends = [Operation::Upload, Operation::Locate, Operation::Delete];
        Ok(Profile {
            title: format!("S3 ({} at {})", bucket.name, bucket.base.host()),
            purposes,
            verify: VerifyMethod::ChosenId,
            delete: match bucket.keeps_versions {
                true => DeleteSemantics::Hidden,
                false => DeleteSemantics::Hard,
            },
            treatment: Treatment::Content,
            can_stat: true,
            can_list: true,
            takes_empty: true,
            max_concurrency: max_concurrency(settings)?,
            wants_digest: bucket.has_checksums,
            poll_interval_ms: None,
            egress: vec![
                need(&bucket.base, &bucket.path, "GET", &lists),
                need(&bucket.base, &key, "PUT", &[Operation::Upload]),
                need(&bucket.base, &key, "POST", &[Operation::Upload]),
                need(&bucket.base, &key, "GET", &reads),
                need(&bucket.base, &key, "HEAD", &reads),
                need(&bucket.base, &key, "DELETE", &ends),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn store(more: &[(&'static str, &'static str)]) -> Result<Store, Failure> {
        let fixed = [("base_url", "https://s3.example:8443/sub"), ("bucket", "files")];
        Store::read(&Settings::from_pairs(fixed.into_iter().chain(more.iter().copied())))
    }

    fn paths(more: &[(&'static str, &'static str)]) -> Vec<String> {
        let settings = Settings::from_pairs([("max_bytes", "9")]);
        let profile = store(more).unwrap().profile(&settings).unwrap();
        assert_eq!(profile.purposes[0].max_bytes, Some(9));
        let needs = profile.egress.iter();
        needs
            .map(|need| format!("{} {}{}", need.methods[0], need.origin, need.path_prefix))
            .take(2)
            .collect()
    }

    #[test]
    fn keys_are_reached_below_the_bucket_and_the_bucket_only_to_list() {
        assert_eq!(
            paths(&[]),
            [
                "GET https://s3.example:8443/sub/files",
                "PUT https://s3.example:8443/sub/files/loadlock"
            ]
        );
        assert_eq!(
            paths(&[("style", "virtual"), ("prefix", "a/b")]),
            [
                "GET https://files.s3.example:8443/sub/",
                "PUT https://files.s3.example:8443/sub/a/b"
            ]
        );
    }

    #[test]
    fn settings_that_make_no_sense_are_named() {
        for (name, value) in [
            ("bucket", "a/b"),
            ("bucket", ".."),
            ("prefix", "a//b"),
            ("prefix", "../x"),
            ("prefix", "/a"),
            ("prefix", "a b"),
            ("style", "dns"),
            ("part_bytes", "5242879"),
            ("single_max_bytes", "0"),
            ("single_max_bytes", "5368709121"),
        ] {
            let pairs = [("base_url", "https://s3.example"), ("bucket", "files")];
            let pairs = pairs
                .into_iter()
                .filter(|(known, _)| *known != name)
                .chain([(name, value)]);
            let refused = Store::read(&Settings::from_pairs(pairs)).unwrap_err();
            assert!(refused.message.contains(name), "{name}: {}", refused.message);
        }
        assert!(store(&[("single_max_bytes", "5368709120"), ("part_bytes", "5242880")]).is_ok());
    }
}
