//! The endpoints of the OCI distribution specification that components need.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, LINK, LOCATION};
use http::{HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::manifest::{INDEX, MANIFEST, OciDescriptor, OciIndex, document, malformed};
use crate::reference::is_tag;
use crate::wire::{Ask, RegistryOptions, Wire, WireAnswer};
use crate::{ImageReference, ImageTarget, RegistryError, Sha256Digest};

/// Largest manifest or index. Ours have 1 KB.
pub(crate) const MANIFEST_BYTES: u64 = 1 << 20;
/// Of answers that are not looked into.
const STATUS_BYTES: u64 = 64 << 10;
/// Pages of tags, each of a thousand at most.
const TAG_PAGES: usize = 20;

/// One repository of a registry.
pub struct RegistryClient {
    wire: Wire,
    repository: String,
}

impl std::fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RegistryClient({}/{})", self.wire.host(), self.repository)
    }
}

impl RegistryClient {
    /// A client for the repository of `reference`; `push`: it is going to be written to. Sends nothing yet.
    ///
    /// # Errors
    /// [`RegistryError`] for hosts or certificates that cannot be used.
    pub fn new(reference: &ImageReference, push: bool, options: RegistryOptions) -> Result<Self, RegistryError> {
        Ok(Self {
            wire: Wire::new(&reference.registry, &reference.repository, push, options)?,
            repository: reference.repository.clone(),
        })
    }

    /// The tags of the repository that are versions or anything else.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn tags(&self) -> Result<Vec<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let what = format!("the list of versions of `{}`", self.repository);
        let mut target = format!("{}tags/list?n=1000", self.path());
        let mut tags = Vec::new();
        for _ in 0..TAG_PAGES {
            let answer = self
                .wire
                .expect(get(&target, None, MANIFEST_BYTES, &what), &[200])
                .await?;
            let page: Page = document(&what, &answer.body)?;
            tags.extend(page.tags.unwrap_or_default().into_iter().filter(|tag| is_tag(tag)));
            match next_page(&answer) {
                Some(next) => target = next,
                None => return Ok(tags),
            }
        }
        Err(malformed(&what, format!("it has more than {TAG_PAGES} pages")))
    }

    /// A manifest or index with its digest, which is that of the bytes; `None` if there is none.
    pub(crate) async fn manifest(
        &self,
        target: &ImageTarget,
        what: &str,
    ) -> Result<Option<(Sha256Digest, Bytes)>, RegistryError> {
        let reference = match target {
            ImageTarget::Any => return Ok(None),
            ImageTarget::Tag(tag) => tag.clone(),
            ImageTarget::Digest(digest) => digest.to_string(),
        };
        let target_path = format!("{}manifests/{reference}", self.path());
        let accept = format!("{MANIFEST}, {INDEX}");
        let answer = self
            .wire
            .expect(get(&target_path, Some(&accept), MANIFEST_BYTES, what), &[200, 404])
            .await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let got = Sha256Digest::of(&answer.body);
        let announced = answer.headers.get("docker-content-digest");
        let announced = announced
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.parse().ok());
        let asked = match target {
            ImageTarget::Digest(digest) => Some(*digest),
            _ => announced,
        };
        match asked {
            Some(expected) if expected != got => {
                let what = what.to_owned();
                Err(RegistryError::WrongDigest { what, expected, got })
            }
            _ => Ok(Some((got, answer.body))),
        }
    }

    /// The bytes of a descriptor, whole and as announced.
    pub(crate) async fn blob(
        &self,
        descriptor: &OciDescriptor,
        limit: u64,
        what: &str,
    ) -> Result<Bytes, RegistryError> {
        if descriptor.size > limit {
            let what = what.to_owned();
            return Err(RegistryError::TooLarge { what, limit });
        }
        let target = format!("{}blobs/{}", self.path(), descriptor.digest);
        // One more than announced, so that a blob that goes on is noticed.
        let answer = self
            .wire
            .expect(get(&target, None, descriptor.size + 1, what), &[200])
            .await;
        let answer = answer.map_err(|error| match error {
            RegistryError::TooLarge { what, .. } => RegistryError::WrongSize {
                what,
                expected: descriptor.size,
                got: descriptor.size + 1,
            },
            other => other,
        })?;
        descriptor.check(what, &answer.body)?;
        Ok(answer.body)
    }

    /// The manifests that name this one as their subject; `None` where the registry has no such list.
    pub(crate) async fn referrers(&self, subject: Sha256Digest, kind: &str) -> Result<Option<OciIndex>, RegistryError> {
        let what = "the list of what is beside the component";
        let kind = utf8_percent_encode(kind, NON_ALPHANUMERIC);
        let target = format!("{}referrers/{subject}?artifactType={kind}", self.path());
        // Registries that do not know the endpoint answer what they answer to any unknown path.
        let answer = self
            .wire
            .expect(get(&target, Some(INDEX), MANIFEST_BYTES, what), &[200, 400, 404, 405])
            .await?;
        match answer.status {
            200 => Ok(serde_json::from_slice(&answer.body).ok()),
            _ => Ok(None),
        }
    }

    /// Stores a blob, unless it is there.
    pub(crate) async fn put_blob(&self, bytes: Bytes, what: &str) -> Result<(), RegistryError> {
        let digest = Sha256Digest::of(&bytes);
        let there = Ask {
            method: "HEAD",
            ..get(&format!("{}blobs/{digest}", self.path()), None, STATUS_BYTES, what)
        };
        if self.wire.expect(there, &[200, 404]).await?.status == 200 {
            return Ok(());
        }
        let begin = Ask {
            method: "POST",
            ..get(&format!("{}blobs/uploads/", self.path()), None, STATUS_BYTES, what)
        };
        let begun = self.wire.expect(begin, &[202]).await?;
        let place = begun.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let place = place.ok_or_else(|| malformed("the answer to an upload", "it names no place to upload to"))?;
        let joint = if place.contains('?') { '&' } else { '?' };
        let upload = Ask {
            method: "PUT",
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))],
            body: bytes,
            ..get(&format!("{place}{joint}digest={digest}"), None, STATUS_BYTES, what)
        };
        self.wire.expect(upload, &[201]).await.map(drop)
    }

    /// Stores a manifest or an index under a tag, or under its digest.
    pub(crate) async fn put_manifest(
        &self,
        reference: &str,
        media_type: &'static str,
        bytes: Vec<u8>,
        what: &str,
    ) -> Result<(), RegistryError> {
        let put = Ask {
            method: "PUT",
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static(media_type))],
            body: bytes.into(),
            ..get(
                &format!("{}manifests/{reference}", self.path()),
                None,
                STATUS_BYTES,
                what,
            )
        };
        self.wire.expect(put, &[201]).await.map(drop)
    }

    fn path(&self) -> String {
        format!("/v2/{}/", self.repository)
    }
}

fn get<'a>(target: &str, accept: Option<&str>, limit: u64, what: &'a str) -> Ask<'a> {
    let accept = accept.and_then(|text| HeaderValue::from_str(text).ok());
    let headers: Vec<(HeaderName, HeaderValue)> = accept.into_iter().map(|value| (ACCEPT, value)).collect();
    Ask {
        method: "GET",
        target: target.to_owned(),
        headers,
        body: Bytes::new(),
        limit,
        what,
    }
}

/// `Link: </v2/…>; rel="next"`.
fn next_page(answer: &WireAnswer) -> Option<String> {
    let link = answer.headers.get(LINK)?.to_str().ok()?;
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then(|| target.to_owned())
}
