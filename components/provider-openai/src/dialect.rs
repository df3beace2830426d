//! Which of OpenAI's kin is spoken to, and how it differs.

use loadlock_sdk::http::Base;
use loadlock_sdk::prelude::*;
use loadlock_sdk::profile::{PurposeFacts, max_concurrency, need, purposes};
use loadlock_sdk::settings::wrong;

use crate::facts;

/// A server's dialect, from the setting `dialect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAI itself.
    OpenAi,
    /// Any server that copies it; needs `base_url`.
    Compatible,
    /// Pages by number; equal files may share an id.
    Mistral,
    /// Gives no content back.
    OpenRouter,
}

/// Everything that the settings say.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) base: Base,
    pub(crate) dialect: Dialect,
    /// Largest file of one request.
    pub(crate) single_max_bytes: u64,
    pub(crate) part_bytes: u64,
    /// Whether there is an Uploads API for larger files.
    pub(crate) has_uploads: bool,
}

impl Server {
    pub(crate) fn read(settings: &Settings) -> Result<Self, Failure> {
        let names = ["openai", "compatible", "mistral", "openrouter"];
        let dialect = match settings.choice("dialect", &names)? {
            "compatible" => Dialect::Compatible,
            "mistral" => Dialect::Mistral,
            "openrouter" => Dialect::OpenRouter,
            _ => Dialect::OpenAi,
        };
        let default = match dialect {
            Dialect::OpenAi => "https://api.openai.com/v1",
            Dialect::Mistral => "https://api.mistral.ai/v1",
            Dialect::OpenRouter => "https://openrouter.ai/api/v1",
            Dialect::Compatible => &settings.required("base_url")?,
        };
        let bytes = |name: &str, default: u64| match settings.number(name)? {
            Some(0) => Err(wrong(name, "must be at least 1")),
            bytes => Ok(bytes.unwrap_or(default)),
        };
        let has_uploads = settings.flag("uploads_api")?;
        Ok(Self {
            base: settings.base("base_url", default)?,
            dialect,
            single_max_bytes: bytes("single_max_bytes", facts::SINGLE_MAX_BYTES)?,
            part_bytes: bytes("part_bytes", facts::PART_BYTES)?,
            has_uploads: has_uploads.unwrap_or(dialect == Dialect::OpenAi),
        })
    }

    pub(crate) fn profile(&self, settings: &Settings) -> Result<Profile, Failure> {
        let base = &self.base;
        let (name, table, unknown): (_, &[PurposeFacts], _) = match self.dialect {
            Dialect::OpenAi => ("OpenAI", &facts::OPENAI, &facts::COMPATIBLE_COMMON),
            Dialect::Compatible => ("OpenAI-compatible", &facts::COMPATIBLE, &facts::COMPATIBLE_COMMON),
            Dialect::Mistral => ("Mistral", &facts::MISTRAL, &facts::COMPATIBLE_COMMON),
            Dialect::OpenRouter => ("OpenRouter", &facts::OPENROUTER, &facts::OPENROUTER[0]),
        };
        let mut purposes = purposes(table, unknown, settings)?;
        if !self.has_uploads {
            // One request is all there is, unless the operator knows better.
            let stated = settings.text("max_bytes").is_some();
            for purpose in purposes.iter_mut().filter(|_| !stated) {
                let single = self.single_max_bytes;
                purpose.max_bytes = Some(purpose.max_bytes.map_or(single, |max| max.min(single)));
            }
        }
        let reads = [
            Operation::Stat,
            Operation::Listing,
            Operation::Content,
            Operation::Probe,
        ];
        let mut egress = vec![
            need(base, "/files", "POST", &[Operation::Upload]),
            need(base, "/files", "GET", &reads),
            need(base, "/files", "DELETE", &[Operation::Delete]),
        ];
        if self.has_uploads {
            egress.push(need(base, "/uploads", "POST", &[Operation::Upload]));
        }
        Ok(Profile {
            title: format!("{name} ({})", base.host()),
            purposes,
            verify: VerifyMethod::Mark,
            delete: match self.dialect {
                Dialect::Mistral => DeleteSemantics::Shared,
                _ => DeleteSemantics::Hard,
            },
            treatment: Treatment::Extension,
            can_stat: true,
            can_list: true,
            takes_empty: false,
            max_concurrency: max_concurrency(settings)?,
            egress,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Profile, Failure> {
        let settings = Settings::from_pairs(pairs.iter().copied());
        Server::read(&settings)?.profile(&settings)
    }

    fn max_bytes(profile: &Profile, purpose: &str) -> Option<u64> {
        profile
            .purposes
            .iter()
            .find(|facts| facts.purpose == purpose)?
            .max_bytes
    }

    #[test]
    fn openai_takes_8_gb_and_a_batch_200_mb() {
        let openai = with(&[]).unwrap();
        assert_eq!(max_bytes(&openai, "user_data"), Some(8_000_000_000));
        assert_eq!(max_bytes(&openai, "batch"), Some(200_000_000));
        assert!(openai.egress.iter().any(|need| need.path_prefix == "/v1/uploads"));
        let without = with(&[("uploads_api", "false")]).unwrap();
        assert_eq!(max_bytes(&without, "user_data"), Some(512_000_000));
        assert!(without.egress.iter().all(|need| need.path_prefix == "/v1/files"));
    }

    #[test]
    fn each_dialect_differs_where_its_vendor_does() {
        let mistral = with(&[("dialect", "mistral")]).unwrap();
        assert_eq!(mistral.delete, DeleteSemantics::Shared);
        assert_eq!(mistral.title, "Mistral (api.mistral.ai)");
        assert_eq!(max_bytes(&mistral, "ocr"), Some(512_000_000));
        let openrouter = with(&[("dialect", "openrouter")]).unwrap();
        assert_eq!(max_bytes(&openrouter, "user_data"), Some(104_857_600));
        assert!(
            openrouter
                .purposes
                .iter()
                .all(|facts| facts.content == ContentKind::Never)
        );
    }

    #[test]
    fn a_compatible_server_must_be_named() {
        let missing = with(&[("dialect", "compatible")]).unwrap_err();
        assert!(missing.message.contains("`base_url`"));
        let local = with(&[
            ("dialect", "compatible"),
            ("base_url", "http://127.0.0.1:8000/v1"),
            ("max_bytes", "900000000"),
            ("purposes", "user_data,ocr"),
        ])
        .unwrap();
        assert_eq!(max_bytes(&local, "ocr"), Some(900_000_000));
        assert!(with(&[("part_bytes", "0")]).is_err());
    }
}
