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
    /// The resource of an Azure OpenAI account; needs `base_url`.
    Azure,
    /// Pages by a token.
    Xai,
    /// Alibaba's compatible mode.
    Qwen,
    /// Takes images alone, for a while.
    DeepSeek,
}

/// What a dialect is, as data.
struct Facts {
    /// As in the setting `dialect`.
    name: &'static str,
    dialect: Dialect,
    title: &'static str,
    /// None where every account has an address of its own.
    base: Option<&'static str>,
    table: &'static [PurposeFacts],
    /// What holds for a purpose that the operator names and the table does not know.
    unknown: PurposeFacts,
    /// Whether an upload may ask for an expiry.
    expires: bool,
    /// Whether larger files go through `/uploads` unless the operator says otherwise.
    uploads: bool,
    treatment: Treatment,
    delete: DeleteSemantics,
}

/// A server that copies OpenAI and says no more about itself.
const COMPATIBLE: Facts = Facts {
    name: "compatible",
    dialect: Dialect::Compatible,
    title: "OpenAI-compatible",
    base: None,
    table: &facts::COMPATIBLE,
    unknown: facts::COMPATIBLE_COMMON,
    expires: false,
    uploads: false,
    treatment: Treatment::Extension,
    delete: DeleteSemantics::Hard,
};

/// The first is the default.
const DIALECTS: [Facts; 8] = [
    Facts {
        name: "openai",
        dialect: Dialect::OpenAi,
        title: "OpenAI",
        base: Some("https://api.openai.com/v1"),
        table: &facts::OPENAI,
        expires: true,
        uploads: true,
        ..COMPATIBLE
    },
    COMPATIBLE,
    Facts {
        name: "mistral",
        dialect: Dialect::Mistral,
        title: "Mistral",
        base: Some("https://api.mistral.ai/v1"),
        table: &facts::MISTRAL,
        delete: DeleteSemantics::Shared,
        ..COMPATIBLE
    },
    Facts {
        name: "openrouter",
        dialect: Dialect::OpenRouter,
        title: "OpenRouter",
        base: Some("https://openrouter.ai/api/v1"),
        table: &facts::OPENROUTER,
        unknown: facts::OPENROUTER[0],
        ..COMPATIBLE
    },
    Facts {
        name: "azure",
        dialect: Dialect::Azure,
        title: "Azure OpenAI",
        table: &facts::AZURE,
        expires: true,
        // Jobs fail over files of some 150 MB that came in one request.
        uploads: true,
        ..COMPATIBLE
    },
    Facts {
        name: "xai",
        dialect: Dialect::Xai,
        title: "xAI",
        base: Some("https://api.x.ai/v1"),
        table: &facts::XAI,
        unknown: facts::XAI[0],
        expires: true,
        treatment: Treatment::Content,
        ..COMPATIBLE
    },
    Facts {
        name: "qwen",
        dialect: Dialect::Qwen,
        title: "Qwen",
        base: Some("https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
        table: &facts::QWEN,
        unknown: facts::QWEN[0],
        ..COMPATIBLE
    },
    Facts {
        name: "deepseek",
        dialect: Dialect::DeepSeek,
        title: "DeepSeek",
        base: Some("https://api.deepseek.com"),
        table: &facts::DEEPSEEK,
        unknown: facts::DEEPSEEK[0],
        expires: true,
        treatment: Treatment::Content,
        ..COMPATIBLE
    },
];

/// Everything that the settings say.
pub(crate) struct Server {
    pub(crate) base: Base,
    pub(crate) dialect: Dialect,
    facts: &'static Facts,
    /// Largest file of one request.
    pub(crate) single_max_bytes: u64,
    pub(crate) part_bytes: u64,
    /// Whether there is an Uploads API for larger files.
    pub(crate) has_uploads: bool,
}

impl Server {
    pub(crate) fn read(settings: &Settings) -> Result<Self, Failure> {
        static ALL: [Facts; 8] = DIALECTS;
        let names: Vec<&str> = ALL.iter().map(|facts| facts.name).collect();
        let name = settings.choice("dialect", &names)?;
        let facts = ALL.iter().find(|facts| facts.name == name).unwrap_or(&ALL[0]);
        let base = match facts.base {
            Some(base) => settings.base("base_url", base)?,
            None => settings.base("base_url", &settings.required("base_url")?)?,
        };
        let bytes = |name: &str, default: u64| match settings.number(name)? {
            Some(0) => Err(wrong(name, "must be at least 1")),
            bytes => Ok(bytes.unwrap_or(default)),
        };
        let single = match facts.dialect {
            Dialect::Azure => facts::AZURE_SINGLE_MAX_BYTES,
            _ => facts::SINGLE_MAX_BYTES,
        };
        Ok(Self {
            base,
            dialect: facts.dialect,
            facts,
            single_max_bytes: bytes("single_max_bytes", single)?,
            part_bytes: bytes("part_bytes", facts::PART_BYTES)?,
            has_uploads: settings.flag("uploads_api")?.unwrap_or(facts.uploads),
        })
    }

    /// Whether an upload may ask for an expiry. Servers refuse fields that they do not know.
    pub(crate) fn takes_expiry(&self) -> bool {
        self.facts.expires
    }

    pub(crate) fn profile(&self, settings: &Settings) -> Result<Profile, Failure> {
        let (base, facts) = (&self.base, self.facts);
        let mut purposes = purposes(facts.table, &facts.unknown, settings)?;
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
            title: format!("{} ({})", facts.title, base.host()),
            purposes,
            verify: VerifyMethod::Mark,
            delete: facts.delete,
            treatment: facts.treatment,
            can_stat: true,
            can_list: true,
            takes_empty: false,
            max_concurrency: max_concurrency(settings)?,
            wants_digest: false,
            poll_interval_ms: None,
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
    fn the_cheap_ones_are_rows_of_a_table() {
        let xai = with(&[("dialect", "xai")]).unwrap();
        assert_eq!(
            (xai.title.as_str(), xai.treatment),
            ("xAI (api.x.ai)", Treatment::Content)
        );
        assert_eq!(max_bytes(&xai, "user_data"), Some(50_000_000));
        let qwen = with(&[("dialect", "qwen")]).unwrap();
        let limits = ["file-extract", "batch", "fine-tune"].map(|name| max_bytes(&qwen, name).unwrap());
        assert_eq!(limits, [150_000_000, 500_000_000, 300_000_000]);
        assert!(
            qwen.egress
                .iter()
                .all(|need| need.path_prefix == "/compatible-mode/v1/files")
        );
        let deepseek = with(&[("dialect", "deepseek")]).unwrap();
        let images = deepseek.purposes.first().unwrap();
        assert_eq!(
            (images.purpose.as_str(), images.max_bytes),
            ("user_data", Some(67_108_864))
        );
        assert_eq!(
            (images.media_types.as_slice(), deepseek.purposes.len()),
            (&["image/*".to_owned()][..], 1)
        );
        assert!(
            with(&[("dialect", "azure")])
                .unwrap_err()
                .message
                .contains("`base_url`")
        );
        let azure = [
            ("dialect", "azure"),
            ("base_url", "https://r.openai.azure.com/openai/v1"),
        ];
        let azure = with(&azure).unwrap();
        assert_eq!(max_bytes(&azure, "user_data"), Some(512_000_000));
        assert!(azure.egress.iter().any(|need| need.path_prefix == "/openai/v1/uploads"));
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
