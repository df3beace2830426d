//! GLM (Zhipu): z.ai, which only takes files, and bigmodel.cn, which also lists, deletes and extracts.
//!
//! Settings: `base_url` (default `https://api.z.ai/api/paas/v4`), `region` (`zai` or `bigmodel`, follows from
//! `base_url`), `purposes`, `max_bytes`, `max_count`, `max_concurrency`.

mod bigmodel;
mod errors;
mod facts;
mod region;

use loadlock_sdk::openai_shape::Api;
use loadlock_sdk::prelude::*;
use loadlock_sdk::profile::{max_concurrency, need, purposes};

use region::Region;

/// The provider.
struct Glm;

impl Provider for Glm {
    fn profile() -> Result<Profile, Failure> {
        profile(&Settings::from_env())
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let (api, _) = api()?;
        api.upload(&file, &options, &[])
    }

    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        bigmodel::stat(&only_bigmodel("stat")?, &remote)
    }

    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        let api = only_bigmodel("list")?;
        let purposes = Self::profile()?.purposes;
        bigmodel::list(&api, &purposes, &query)
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        only_bigmodel("delete")?.delete(&remote.id)
    }

    fn content(remote: RemoteRef) -> Result<ContentInfo, Failure> {
        let api = only_bigmodel("content")?;
        bigmodel::content(&api, &Self::profile()?.purposes, &remote)
    }

    fn probe() -> Result<String, Failure> {
        let (api, region) = api()?;
        let asked = api.list(&[("purpose", "agent"), ("limit", "1")]);
        match (asked, region) {
            (Ok(_), _) => Ok("answers".to_owned()),
            // z.ai documents no list: that it knows the credential and refuses the question is all that can be learnt.
            (Err(failure), Region::Zai) if matches!(failure.kind, FailureKind::NotFound | FailureKind::Rejected) => {
                Ok("answers, but has no list to try the credential on".to_owned())
            }
            (Err(failure), _) => Err(failure),
        }
    }
}

export_provider!(Glm);

fn api() -> Result<(Api, Region), Failure> {
    let (base, region) = region::read(&Settings::from_env())?;
    let api = Api {
        base,
        classify: errors::classify,
    };
    Ok((api, region))
}

fn only_bigmodel(operation: &str) -> Result<Api, Failure> {
    match api()? {
        (api, Region::Bigmodel) => Ok(api),
        (_, Region::Zai) => Err(unsupported(&format!("{operation} at z.ai"))),
    }
}

fn profile(settings: &Settings) -> Result<Profile, Failure> {
    let (base, region) = region::read(settings)?;
    let full = region == Region::Bigmodel;
    let (name, table, unknown) = match region {
        Region::Zai => ("z.ai", &facts::ZAI[..], &facts::ZAI[0]),
        Region::Bigmodel => ("bigmodel.cn", &facts::BIGMODEL[..], &facts::BIGMODEL_COMMON),
    };
    let mut egress = vec![need(&base, "/files", "POST", &[Operation::Upload])];
    if full {
        let reads = [
            Operation::Stat,
            Operation::Listing,
            Operation::Content,
            Operation::Probe,
        ];
        egress.push(need(&base, "/files", "GET", &reads));
        egress.push(need(&base, "/files", "DELETE", &[Operation::Delete]));
    } else {
        egress.push(need(&base, "/files", "GET", &[Operation::Probe]));
    }
    Ok(Profile {
        title: format!("GLM {name} ({})", base.host()),
        purposes: purposes(table, unknown, settings)?,
        verify: if full { VerifyMethod::Mark } else { VerifyMethod::None },
        delete: if full {
            DeleteSemantics::Hard
        } else {
            DeleteSemantics::Never
        },
        treatment: Treatment::Extension,
        can_stat: full,
        can_list: full,
        takes_empty: false,
        max_concurrency: max_concurrency(settings)?,
        wants_digest: false,
        poll_interval_ms: None,
        egress,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with(region: &str) -> Profile {
        profile(&Settings::from_pairs([("region", region)])).unwrap()
    }

    #[test]
    fn zai_takes_and_never_gives() {
        let zai = with("zai");
        assert_eq!((zai.verify, zai.delete), (VerifyMethod::None, DeleteSemantics::Never));
        assert!(!zai.can_stat && !zai.can_list);
        let agent = zai.purposes.first().unwrap();
        assert_eq!((agent.purpose.as_str(), agent.max_bytes), ("agent", Some(100_000_000)));
        assert_eq!(agent.retention, Retention::Fixed(15_552_000));
        assert!(zai.egress.iter().all(|need| need.methods != ["DELETE"]));
    }

    #[test]
    fn bigmodel_has_limits_for_each_purpose() {
        let bigmodel = with("bigmodel");
        let limits = |name: &str| {
            let found = bigmodel.purposes.iter().find(|purpose| purpose.purpose == name);
            found.map(|purpose| (purpose.max_bytes.unwrap(), purpose.image_max_bytes, purpose.content))
        };
        let never = ContentKind::Never;
        assert_eq!(limits("agent"), Some((20_000_000, Some(5_000_000), never)));
        assert_eq!(limits("code-interpreter"), Some((20_000_000, Some(5_000_000), never)));
        assert_eq!(
            limits("file-extract"),
            Some((50_000_000, Some(5_000_000), ContentKind::Extracted))
        );
        assert_eq!(limits("batch"), Some((100_000_000, None, ContentKind::Raw)));
        assert!(bigmodel.can_list && bigmodel.verify == VerifyMethod::Mark);
    }
}
