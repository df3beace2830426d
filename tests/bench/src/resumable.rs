//! A file that comes in several requests, or may.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use crate::Result;
use crate::client::Client;

/// `filename tus.bin`.
const NAME: (&str, &str) = ("upload-metadata", "filename dHVzLmJpbg==");

/// How it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By tus: creation and one `PATCH`.
    Tus,
    /// By tus, as two parts that are joined.
    Joined,
    /// As two parts of `/v1/uploads`.
    Parts,
}

impl Way {
    /// What is counted of it.
    pub(crate) fn counted(self) -> &'static str {
        match self {
            Self::Tus => "written for each byte of a tus upload",
            Self::Joined => "written for each byte of parts that tus joins",
            Self::Parts => "written for each byte of an upload in parts",
        }
    }

    pub(crate) async fn upload(self, client: &mut Client, body: Bytes) -> Result<()> {
        let half = body.len() / 2;
        let pieces = [body.slice(..half), body.slice(half..)];
        match self {
            Self::Tus => drop(tus(client, body, &[]).await?),
            Self::Joined => {
                let mut paths = Vec::new();
                for piece in pieces {
                    paths.push(tus(client, piece, &[("upload-concat", "partial")]).await?);
                }
                let urls = format!("final;{}", paths.join(" "));
                let headers = [("upload-concat", urls.as_str()), NAME];
                client.tus(Method::POST, "/v1/tus", &headers, Bytes::new()).await?;
            }
            Self::Parts => {
                let wanted = json!({
                    "filename": "parts.bin",
                    "purpose": "user_data",
                    "bytes": body.len(),
                    "mime_type": "application/octet-stream",
                });
                let upload = client.post_json("/v1/uploads", &wanted).await?;
                let path = format!("/v1/uploads/{}", upload["id"].as_str().unwrap_or_default());
                let mut parts = Vec::new();
                for piece in pieces {
                    let part = client.part(&format!("{path}/parts"), &piece).await?;
                    parts.push(part["id"].clone());
                }
                let complete = json!({ "part_ids": parts });
                client.post_json(&format!("{path}/complete"), &complete).await?;
            }
        }
        Ok(())
    }
}

/// Creates an upload and sends its bytes; answers where it is.
async fn tus(client: &mut Client, body: Bytes, more: &[(&str, &str)]) -> Result<String> {
    let length = body.len().to_string();
    let mut headers = vec![("upload-length", length.as_str()), NAME];
    headers.extend(more);
    let path = client.tus(Method::POST, "/v1/tus", &headers, Bytes::new()).await?;
    client
        .tus(Method::PATCH, &path, &[("upload-offset", "0")], body)
        .await?;
    Ok(path)
}
