//! A fake of S3, as strict as AWS where stores differ, with the odd answers of real ones on command.
//!
//! It computes every signature itself, refuses what is not signed, checks the digests that it is told, knows versions,
//! conditions and unfinished uploads in parts. Everything is held in memory.

mod calls;
mod signature;
mod vendor;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::locked;
pub(crate) use vendor::{error, operation, perform};

/// The access key that it knows.
pub const S3_KEY_ID: &str = "AKIALOADLOCKFAKE";
/// Its secret.
pub const S3_SECRET: &str = "s3cr3t/of+the=fake-that-nobody-may-repeat";
/// Its only bucket.
pub const S3_BUCKET: &str = "files";

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub enum S3Call {
    Put,
    Head,
    Get,
    Delete,
    List,
    Begin,
    Part,
    Complete,
    Abort,
    Sessions,
}

/// What goes wrong with the next request of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum S3Fault {
    /// It is refused with this status and code; nothing is done.
    Refuse(u16, &'static str),
    /// It is done, and the connection ends without an answer.
    Lost,
    /// It is answered 200 with this error in the body; nothing is done.
    Disguised(&'static str),
    /// The same, and it is done.
    DisguisedAndDone(&'static str),
}

/// How it differs from a plain bucket.
#[derive(Clone, Debug)]
pub struct S3Options {
    /// The region that a signature must be for.
    pub region: &'static str,
    /// Whether what is deleted is kept.
    pub versioned: bool,
    /// Whether it knows checksums and conditions; 501 if not.
    pub modern: bool,
    /// What its clock is ahead of the machine's.
    pub ahead_s: i64,
    /// The secret of [`S3_KEY_ID`].
    pub secret: String,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            region: "us-east-1",
            versioned: false,
            modern: true,
            ahead_s: 0,
            secret: S3_SECRET.to_owned(),
        }
    }
}

/// One version of an object; a delete marker has no body.
#[derive(Clone, Debug)]
pub struct S3Version {
    /// Its id, `null` in a bucket without versions.
    pub id: String,
    /// The bytes, nothing for a delete marker.
    pub body: Option<Vec<u8>>,
    /// Its headers: content type, metadata, checksum.
    pub headers: BTreeMap<String, String>,
}

/// An upload in parts that is not done.
#[derive(Clone, Debug)]
pub struct S3Session {
    /// Of the object.
    pub key: String,
    headers: BTreeMap<String, String>,
    /// Body by number.
    pub parts: BTreeMap<u32, Vec<u8>>,
}

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Vec<S3Version>>,
    sessions: BTreeMap<String, S3Session>,
    faults: BTreeMap<S3Call, VecDeque<S3Fault>>,
    seen: Vec<(S3Call, http::HeaderMap, String)>,
    next: u64,
}

/// A bucket and how it answers.
pub(crate) struct S3State {
    options: S3Options,
    bucket: Mutex<Bucket>,
}

impl S3State {
    /// An empty one.
    pub(crate) fn new(options: S3Options) -> Self {
        Self {
            options,
            bucket: Mutex::default(),
        }
    }

    /// Keys of uploads in parts that are not done.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let bucket = locked(&self.bucket);
        bucket.sessions.values().map(|session| session.key.clone()).collect()
    }
}

/// A running fake; dropping it stops it.
pub struct S3Store {
    state: Arc<S3State>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for S3Store {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl S3Store {
    /// Starts one on loopback.
    ///
    /// # Errors
    /// What the system says about the port.
    pub async fn start(options: S3Options) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(S3State::new(options));
        let served = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                let state = Arc::clone(&served);
                tokio::spawn(async move {
                    let service = service_fn(move |request| calls::answer(Arc::clone(&state), request));
                    let builder = auto::Builder::new(TokioExecutor::new());
                    // A client that goes away, a fault that cuts: both end here.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { state, address, task })
    }

    /// The endpoint.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happens to the next request of this kind.
    pub fn fault(&self, call: S3Call, fault: S3Fault) {
        self.bucket().faults.entry(call).or_default().push_back(fault);
    }

    /// Puts an object there, as somebody else would.
    pub fn put(&self, key: &str, body: &[u8]) {
        let version = S3Version {
            id: "null".to_owned(),
            body: Some(body.to_vec()),
            headers: BTreeMap::new(),
        };
        self.bucket().objects.insert(key.to_owned(), vec![version]);
    }

    /// Begins an upload in parts, as a client would that was killed.
    pub fn begin(&self, key: &str) {
        self.bucket().begin(key, BTreeMap::new());
    }

    /// Every version of every key.
    pub fn objects(&self) -> BTreeMap<String, Vec<S3Version>> {
        self.bucket().objects.clone()
    }

    /// The newest body of a key.
    pub fn body(&self, key: &str) -> Option<Vec<u8>> {
        self.bucket().current(key)?.body.clone()
    }

    /// Uploads in parts that are not done.
    pub fn sessions(&self) -> Vec<S3Session> {
        self.bucket().sessions.values().cloned().collect()
    }

    /// The calls that it saw, in order.
    pub fn calls(&self) -> Vec<S3Call> {
        self.bucket().seen.iter().map(|(call, ..)| *call).collect()
    }

    /// The headers and the query of every call of a kind.
    pub fn of(&self, call: S3Call) -> Vec<(http::HeaderMap, String)> {
        let bucket = self.bucket();
        let seen = bucket.seen.iter().filter(|(seen, ..)| *seen == call);
        seen.map(|(_, headers, query)| (headers.clone(), query.clone()))
            .collect()
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        locked(&self.state.bucket)
    }
}

impl Bucket {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn begin(&mut self, key: &str, headers: BTreeMap<String, String>) -> String {
        let id = format!("session~{}.+/=", self.number());
        let session = S3Session {
            key: key.to_owned(),
            headers,
            parts: BTreeMap::new(),
        };
        self.sessions.insert(id.clone(), session);
        id
    }

    /// The newest version, unless it is a delete marker.
    fn current(&self, key: &str) -> Option<&S3Version> {
        self.objects.get(key)?.last().filter(|version| version.body.is_some())
    }

    fn store(
        &mut self,
        key: &str,
        versioned: bool,
        body: Option<Vec<u8>>,
        headers: BTreeMap<String, String>,
    ) -> String {
        let id = if versioned {
            format!("v{}", self.number())
        } else {
            "null".to_owned()
        };
        let versions = self.objects.entry(key.to_owned()).or_default();
        if !versioned {
            versions.clear();
        }
        let version = S3Version {
            id: id.clone(),
            body,
            headers,
        };
        versions.push(version);
        id
    }
}
