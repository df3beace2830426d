//! A request body that a test sends piece by piece, and may never end.

use bytes::Bytes;
use futures::SinkExt;
use futures::channel::mpsc;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

/// The sending end. Dropping it ends the body as it should end; [`Feed::abort`] breaks the connection.
pub struct Feed(mpsc::Sender<std::io::Result<Frame<Bytes>>>);

/// A body and its sending end.
pub fn feed() -> (Feed, BoxBody<Bytes, std::io::Error>) {
    let (sender, receiver) = mpsc::channel(1);
    (Feed(sender), BodyExt::boxed(StreamBody::new(receiver)))
}

impl Feed {
    /// Sends bytes. A server that does not want them any more is no error.
    pub async fn send(&mut self, bytes: impl Into<Bytes>) {
        let _ = self.0.send(Ok(Frame::data(bytes.into()))).await;
    }

    /// Ends the body with one trailer.
    pub async fn trailer(mut self, name: &'static str, value: &str) {
        let mut trailers = HeaderMap::new();
        let name = HeaderName::from_static(name);
        trailers.insert(name, HeaderValue::from_str(value).unwrap());
        let _ = self.0.send(Ok(Frame::trailers(trailers))).await;
    }

    /// Breaks the connection.
    pub async fn abort(mut self) {
        let _ = self.0.send(Err(std::io::Error::other("aborted"))).await;
    }
}
