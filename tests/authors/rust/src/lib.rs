//! A provider made from `wit/` alone: it keeps files in its own directory, named by digest.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};

use sha2::{Digest, Sha256};

wit_bindgen::generate!({ path: "../../../wit", world: "provider-component" });

use exports::loadlock::upload::provider::*;
use loadlock::upload::types::FailureKind;

struct Shelf;

fn failure(kind: FailureKind, message: impl ToString) -> Failure {
    Failure { kind, status: None, code: None, message: message.to_string(), retry_after_ms: None, outcome_unknown: false }
}

fn io(error: std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => failure(FailureKind::NotFound, "no such file"),
        _ => failure(FailureKind::Unavailable, error),
    }
}

fn path_of(id: &str) -> Result<String, Failure> {
    let digest = id.len() == 64 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    digest.then(|| format!("/state/{id}")).ok_or_else(|| failure(FailureKind::NotFound, "no such file"))
}

fn describe(id: &str, purpose: &str) -> Result<RemoteFile, Failure> {
    Ok(RemoteFile {
        id: id.to_owned(),
        bytes: fs::metadata(path_of(id)?).map_err(io)?.len(),
        name: None,
        purpose: Some(purpose.to_owned()),
        sha256: Some(id.to_owned()),
        created_at: None,
        expires_at: None,
        status: RemoteStatus::Ready,
    })
}

fn pump(mut from: impl Read, mut each: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(()),
            read => each(&chunk[..read])?,
        }
    }
}

impl Guest for Shelf {
    fn profile() -> Result<ProviderProfile, Failure> {
        Ok(ProviderProfile {
            title: "A shelf in Rust".to_owned(),
            purposes: vec![PurposeProfile {
                purpose: "store".to_owned(),
                max_bytes: None,
                image_max_bytes: None,
                extensions: Vec::new(),
                media_types: Vec::new(),
                max_count: None,
                max_total_bytes: None,
                retention: Retention::UntilDeleted,
                content: ContentKind::Raw,
            }],
            verify: VerifyMethod::Digest,
            delete: DeleteSemantics::Shared,
            treatment: Treatment::Content,
            can_stat: true,
            can_list: true,
            takes_empty: true,
            max_concurrency: None,
            egress: Vec::new(),
        })
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let part = format!("/state/{}.part", options.mark);
        let (mut hasher, mut copy) = (Sha256::new(), File::create(&part).map_err(io)?);
        pump(File::open(&file.path).map_err(io)?, |chunk| {
            hasher.update(chunk);
            copy.write_all(chunk)
        })
        .map_err(io)?;
        copy.sync_all().map_err(io)?;
        let id: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        fs::rename(part, path_of(&id)?).map_err(io)?;
        eprintln!("shelved {}", file.name);
        describe(&id, &options.purpose)
    }

    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        describe(&remote.id, &remote.purpose)
    }

    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        let after = query.cursor.unwrap_or_default();
        let mut names: Vec<String> = fs::read_dir("/state")
            .map_err(io)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.len() == 64 && *name > after)
            .collect();
        names.sort();
        let more = names.len() > query.limit as usize;
        names.truncate(query.limit as usize);
        let next = names.last().filter(|_| more).cloned();
        let purpose = query.purpose.as_deref().unwrap_or("store");
        let files = names.iter().map(|name| describe(name, purpose)).collect::<Result<_, _>>()?;
        Ok(RemotePage { files, next })
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        match fs::remove_file(path_of(&remote.id)?) {
            Ok(()) => Ok(Deletion::Deleted),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Deletion::AlreadyGone),
            Err(error) => Err(io(error)),
        }
    }

    fn content(remote: RemoteRef) -> Result<ContentInfo, Failure> {
        let (mut written, mut out) = (0, std::io::stdout().lock());
        pump(File::open(path_of(&remote.id)?).map_err(io)?, |chunk| {
            written += chunk.len() as u64;
            out.write_all(chunk)
        })
        .map_err(io)?;
        out.flush().map_err(io)?;
        Ok(ContentInfo { media_type: "application/octet-stream".to_owned(), bytes: written, kind: ContentKind::Raw })
    }

    fn probe() -> Result<String, Failure> {
        Ok("the shelf stands".to_owned())
    }
}

export!(Shelf);
