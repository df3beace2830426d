//! Which of the two platforms is spoken to.

use loadlock_sdk::http::Base;
use loadlock_sdk::settings::{Settings, wrong};
use loadlock_sdk::types::Failure;

/// The platforms share a dialect, not their purposes, limits or operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    /// z.ai, international: upload alone.
    Zai,
    /// bigmodel.cn, mainland China.
    Bigmodel,
}

const ZAI: &str = "https://api.z.ai/api/paas/v4";
const BIGMODEL: &str = "https://open.bigmodel.cn/api/paas/v4";

/// Reads `base_url` and `region`. Either follows from the other; with neither it is z.ai. A server that is neither (a
/// proxy, a test) needs both.
pub(crate) fn read(settings: &Settings) -> Result<(Base, Region), Failure> {
    let chosen = match settings.text("region") {
        None => None,
        Some(_) => Some(match settings.choice("region", &["zai", "bigmodel"])? {
            "zai" => Region::Zai,
            _ => Region::Bigmodel,
        }),
    };
    let default = match chosen {
        Some(Region::Bigmodel) => BIGMODEL,
        _ => ZAI,
    };
    let base = settings.base("base_url", default)?;
    let within = |domain: &str| {
        let host = base.host();
        host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    };
    let region = match chosen {
        Some(region) => region,
        None if within("z.ai") => Region::Zai,
        None if within("bigmodel.cn") => Region::Bigmodel,
        None => {
            return Err(wrong(
                "region",
                "is missing: `base_url` is neither z.ai nor bigmodel.cn, so say which of them it belongs to, `zai` or \
                 `bigmodel`",
            ));
        }
    };
    Ok((base, region))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn region(pairs: &[(&str, &str)]) -> Result<(String, Region), Failure> {
        let (base, region) = read(&Settings::from_pairs(pairs.iter().copied()))?;
        Ok((base.host().to_owned(), region))
    }

    #[test]
    fn either_follows_from_the_other() {
        let is = |pairs: &[_], host: &str, expected| {
            assert_eq!(region(pairs).unwrap(), (host.to_owned(), expected));
        };
        is(&[], "api.z.ai", Region::Zai);
        is(&[("region", "bigmodel")], "open.bigmodel.cn", Region::Bigmodel);
        is(&[("base_url", BIGMODEL)], "open.bigmodel.cn", Region::Bigmodel);
        let fake = ("base_url", "http://127.0.0.1:1");
        is(&[fake, ("region", "zai")], "127.0.0.1", Region::Zai);
        assert!(region(&[fake]).unwrap_err().message.contains("`region`"));
        assert!(region(&[("base_url", "https://evilz.ai")]).is_err());
        assert!(region(&[("region", "mars")]).is_err());
    }
}
