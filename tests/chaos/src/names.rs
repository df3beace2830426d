//! The names of the vendors, and whether they resolve.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use loadlock_egress::connect::Resolver;
use tokio::sync::watch;

use crate::vendor::host;

/// How a name is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// There is no such name.
    Unknown,
    /// The resolver does not answer while this lasts. In real time that is a second or two: a transport's own patience
    /// of ten seconds would be a quarter of an hour of policy's.
    Silent,
}

/// Every name is this machine, but for those that are gone.
#[derive(Clone)]
pub(crate) struct Names(Arc<watch::Sender<HashMap<String, Gone>>>);

impl Names {
    /// All of them are there.
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(HashMap::new())))
    }

    /// From now on this vendor's name is gone, or there again.
    pub(crate) fn set(&self, vendor: &str, gone: Option<Gone>) {
        self.0.send_modify(|names| {
            match gone {
                Some(gone) => names.insert(host(vendor), gone),
                None => names.remove(&host(vendor)),
            };
        });
    }
}

impl Resolver for Names {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let (mut names, host) = (self.0.subscribe(), host.to_owned());
        async move {
            let answered = names.wait_for(|names| names.get(&host) != Some(&Gone::Silent));
            let gone = answered.await.map_err(io::Error::other)?.contains_key(&host);
            match gone {
                false => Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
                true => Err(io::Error::other("Name or service not known")),
            }
        }
        .boxed()
    }
}
