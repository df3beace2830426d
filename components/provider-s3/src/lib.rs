//! Any store that speaks S3: AWS, Cloudflare R2, MinIO, SeaweedFS, Ceph and others.
//!
//! Settings: `base_url` (the endpoint, such as `https://s3.eu-central-1.amazonaws.com`), `bucket`, `prefix` of the keys
//! (`loadlock`), `style` (`path`, or `virtual` for the bucket's name before the host), `versioned` (what is deleted is
//! kept by the bucket; by default its version is erased), `checksums` (SHA-256 of what is sent; on by default),
//! `single_max_bytes` and `part_bytes` (64 MiB and 16 MiB), `purposes`, `max_bytes`, `max_count`, `max_concurrency`.
//!
//! A file's key is the prefix, the upload's mark and the extension. Nobody else has it, so that an upload can be found
//! by it, and a store that takes no condition overwrites nothing but the same file.

mod store;

use loadlock_sdk::content::pipe_answer;
use loadlock_sdk::prelude::*;
use loadlock_sdk::s3_shape as shape;

use store::Store;

/// The provider.
struct S3;

impl Provider for S3 {
    fn profile() -> Result<Profile, Failure> {
        let settings = Settings::from_env();
        Store::read(&settings)?.profile(&settings)
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let store = Store::from_env()?;
        let (bucket, name) = (&store.bucket, &options.remote_name);
        let id = bucket.id_of(&options.mark, name);
        if file.size > store.single_max_bytes {
            return shape::put_in_parts(bucket, &file, &id, name, store.part_bytes);
        }
        shape::put(bucket, &file, &id, name)
    }

    fn locate(lost: LostUpload) -> Result<RemoteFile, Failure> {
        let store = Store::from_env()?;
        let id = store.bucket.id_of(&lost.mark, &lost.remote_name);
        if let Some(found) = shape::look(&store.bucket, &id)? {
            return Ok(found);
        }
        if lost.bytes > store.single_max_bytes {
            shape::abort_sessions(&store.bucket, &id)?;
        }
        Err(Failure::not_found("no object has the key of this upload"))
    }

    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        let found = shape::look(&Store::from_env()?.bucket, &remote.id)?;
        found.ok_or_else(|| Failure::not_found("no object has this key"))
    }

    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        shape::list(&Store::from_env()?.bucket, &query)
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        shape::delete(&Store::from_env()?.bucket, &remote.id)
    }

    fn content(remote: RemoteRef) -> Result<ContentInfo, Failure> {
        let bucket = Store::from_env()?.bucket;
        let answer = Request::get(&bucket.base, &bucket.path_of(&remote.id)?).send()?;
        let answer = shape::succeeded(&bucket, answer)?;
        pipe_answer(&answer, ContentKind::Raw, "application/octet-stream")
    }

    fn probe() -> Result<String, Failure> {
        let bucket = Store::from_env()?.bucket;
        let request = bucket.list_request().query("list-type", "2").query("max-keys", "1");
        shape::succeeded(&bucket, request.send()?)?;
        Ok("answers".to_owned())
    }
}

export_provider!(S3);
