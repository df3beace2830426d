//! GLM (Zhipu): `/api/paas/v4/files`, in two modes.
//!
//! z.ai documents the upload alone, with purpose `agent`; bigmodel.cn documents purposes with limits of their own,
//! list, delete and content. A file has no status, and neither site has `GET /files/{id}`. Not documented: the code
//! that comes with HTTP 435 and the one for an unknown file.

use serde_json::{Value, json};

use super::{Exchange, Failed, Operation, glm_token};
use crate::Site;
use crate::body::Tap;
use crate::form::{FormError, Rules};
use crate::reply::{Problem, Reply};
use crate::store::{StoredFile, now, random_id};

/// What a site takes for one purpose.
#[derive(Debug, Clone, Copy)]
pub struct Purpose {
    /// The vendor's word.
    pub name: &'static str,
    /// Largest file in bytes.
    pub max_bytes: u64,
    /// Largest image in bytes.
    pub image_max_bytes: u64,
    /// Most files.
    pub max_files: usize,
    /// Accepted extensions; empty: any.
    pub extensions: &'static [&'static str],
}

const MB: u64 = 1_000_000;

const IMAGES: [&str; 3] = ["png", "jpg", "jpeg"];

/// The purposes of a site; the first is the default of z.ai.
pub fn purposes(site: Site) -> &'static [Purpose] {
    match site {
        Site::Zai => &[Purpose {
            name: "agent",
            max_bytes: 100 * MB,
            image_max_bytes: 100 * MB,
            max_files: 100,
            extensions: &["pdf", "doc", "xlsx", "ppt", "txt", "jpg", "png"],
        }],
        Site::Bigmodel => &[
            Purpose {
                name: "batch",
                max_bytes: 100 * MB,
                image_max_bytes: 100 * MB,
                max_files: 1000,
                extensions: &["jsonl"],
            },
            Purpose {
                name: "file-extract",
                max_bytes: 50 * MB,
                image_max_bytes: 5 * MB,
                max_files: 100,
                extensions: &[
                    "pdf", "docx", "doc", "xls", "xlsx", "ppt", "pptx", "png", "jpg", "jpeg", "csv",
                ],
            },
            Purpose {
                name: "code-interpreter",
                max_bytes: 20 * MB,
                image_max_bytes: 5 * MB,
                max_files: 100,
                extensions: &[],
            },
            Purpose {
                name: "agent",
                max_bytes: 20 * MB,
                image_max_bytes: 5 * MB,
                max_files: 1000,
                extensions: &[],
            },
            Purpose {
                name: "voice-clone-input",
                max_bytes: 100 * MB,
                image_max_bytes: 100 * MB,
                max_files: 1000,
                extensions: &["mp3", "wav"],
            },
        ],
    }
}

const RULES: Rules = Rules {
    file: "file",
    // The SDK can send the last three; they are for knowledge bases.
    texts: &["purpose", "knowledge_id", "sentence_size", "upload_detail"],
};

pub(super) fn offers(site: Site, operation: Operation) -> bool {
    match operation {
        Operation::Create => true,
        Operation::List | Operation::Delete | Operation::Content => site == Site::Bigmodel,
        _ => false,
    }
}

pub(super) async fn perform(exchange: &Exchange<'_>, site: Site, tap: &mut Tap) -> Result<Reply, Failed> {
    let credential = exchange
        .bearer()
        .ok_or_else(|| Problem::new(401, "no Authorization header").code("1001"))?;
    glm_token::check(credential, &exchange.state.options.keys, now() * 1000)
        .map_err(|(code, message)| Problem::new(401, message).code(code))?;
    let id = &exchange.call.id;
    match exchange.call.operation {
        Operation::Create => create(exchange, site, tap).await,
        Operation::List => Ok(list(exchange)?),
        Operation::Delete => {
            if !exchange.state.files.lose(id) {
                return Err(unknown(id).into());
            }
            let gone = json!({ "id": id, "object": "file", "deleted": true });
            Ok(Reply::json(gone))
        }
        Operation::Content => {
            let file = exchange.state.files.get(id).ok_or_else(|| unknown(id))?;
            if file.purpose == "file-extract" {
                return Ok(Reply::json(json!({
                    "content": exchange.text(&file)?,
                    "file_type": extension(&file.filename),
                    "filename": file.filename,
                    "title": "",
                    "type": "file",
                })));
            }
            let raw = exchange.raw("application/octet-stream");
            Ok(raw.ok_or_else(|| unknown(id))??)
        }
        _ => Err(Problem::new(404, "not found").into()),
    }
}

async fn create(exchange: &Exchange<'_>, site: Site, tap: &mut Tap) -> Result<Reply, Failed> {
    let form = exchange
        .form(tap, &RULES, exchange.keeper(), |error| match error {
            FormError::NoFile => invalid("file cannot be empty"),
            other => invalid(format!("parse multipart failed: {other}")),
        })
        .await?;
    let wanted = match (form.text("purpose"), site) {
        (Some(purpose), _) => purpose.to_owned(),
        (None, Site::Zai) => "agent".to_owned(),
        (None, Site::Bigmodel) => return Err(invalid("purpose cannot be empty").into()),
    };
    let purpose = purposes(site)
        .iter()
        .find(|purpose| purpose.name == wanted)
        .ok_or_else(|| invalid(format!("purpose {wanted} is not supported")))?;
    let file = form.file;
    let extension = extension(&file.filename);
    if !purpose.extensions.is_empty() && !purpose.extensions.contains(&extension.as_str()) {
        let message = format!("file type .{extension} is not supported for {wanted}");
        return Err(invalid(message).into());
    }
    if file.bytes == 0 {
        return Err(invalid("file cannot be empty").into());
    }
    let image = IMAGES.contains(&extension.as_str());
    let limit = if image {
        purpose.image_max_bytes
    } else {
        purpose.max_bytes
    };
    let options = &exchange.state.options;
    if file.bytes > options.max_bytes.unwrap_or(limit) {
        let problem = Problem::new(435, "file size exceeds the limit");
        return Err(problem.code("1214").into());
    }
    let mut held = exchange.state.files.all();
    held.retain(|file| file.purpose == purpose.name);
    if held.len() >= options.max_files.unwrap_or(purpose.max_files) {
        return Err(invalid("the number of files exceeds the limit").into());
    }
    let stored = StoredFile {
        id: random_id("file-", 24),
        filename: file.filename,
        purpose: purpose.name.to_owned(),
        bytes: file.bytes,
        sha256: file.sha256,
        content_type: file.content_type,
        created_at: now(),
        expires_at: None,
        kept: file.kept,
    };
    exchange.add(stored.clone());
    Ok(Reply::json(file_object(&stored)))
}

fn list(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let call = exchange.call;
    let purpose = call.query("purpose");
    let purpose = purpose.ok_or_else(|| invalid("purpose cannot be empty"))?;
    let limit = match call.query("limit") {
        None => 20,
        Some(text) => match text.parse::<usize>() {
            Ok(limit) if (1..=100).contains(&limit) => limit,
            _ => return Err(invalid("limit must be 1 to 100")),
        },
    };
    if call.query("order").is_some_and(|order| order != "created_at") {
        return Err(invalid("order must be created_at"));
    }
    let mut files = exchange.state.files.all();
    files.retain(|file| file.purpose == purpose);
    if let Some(after) = call.query("after").filter(|after| !after.is_empty()) {
        let at = files.iter().position(|file| file.id == after);
        let at = at.ok_or_else(|| invalid("after is not a file"))?;
        files.drain(..=at);
    }
    let has_more = files.len() > limit;
    files.truncate(limit);
    let data: Vec<_> = files.iter().map(file_object).collect();
    let page = json!({ "object": "list", "data": data, "has_more": has_more });
    Ok(Reply::json(page))
}

/// Lower case, without the dot.
fn extension(filename: &str) -> String {
    let found = filename.rsplit_once('.');
    found.map_or_else(String::new, |(_, extension)| extension.to_lowercase())
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(400, message).code("1214")
}

fn unknown(id: &str) -> Problem {
    Problem::new(404, format!("file {id} does not exist")).code("1222")
}

fn file_object(file: &StoredFile) -> Value {
    json!({
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at,
        "filename": file.filename,
        "purpose": file.purpose,
    })
}

pub(super) fn error(problem: &Problem) -> Value {
    let code = problem.code.as_deref().unwrap_or(match problem.status {
        401 => "1000",
        404 => "1222",
        429 => "1302",
        434 => "1220",
        500.. => "1234",
        _ => "1214",
    });
    json!({ "error": { "code": code, "message": problem.message } })
}
