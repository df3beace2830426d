//! Which requests of clients go on to a vendor: a method and a path, exactly, with places for ids.
//!
//! ```
//! use loadlock_policy::vendor_route::VendorRoute;
//!
//! let route = VendorRoute::parse("POST /v1/responses/{id}/cancel")?;
//! assert!(route.matches("POST", "/v1/responses/resp_1/cancel"));
//! assert!(!route.matches("POST", "/v1/responses/resp_1"));
//! assert!(!route.matches("GET", "/v1/responses/resp_1/cancel"));
//! assert_eq!(route.at("/openai/v1", "/v1/responses/resp_1/cancel"), "/openai/v1/responses/resp_1/cancel");
//! # Ok::<(), loadlock_policy::vendor_route::RouteFault>(())
//! ```

use std::fmt;

use thiserror::Error;

use crate::egress::Method;

/// What a path begins with that stands for the base of the vendor's API.
const BASE: &str = "/v1";
/// Longest value of a place for an id.
const LONGEST_ID: usize = 256;
/// What the gateway itself answers beneath [`BASE`].
const OWN: [&str; 6] = ["files", "uploads", "loadlock", "tus", "ws", "providers"];

/// One kind of request that may be forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorRoute {
    method: Method,
    parts: Vec<PathPart>,
}

/// One segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PathPart {
    Literal(String),
    /// `{name}`, and what follows it in the segment: `{model}:generateContent`.
    Place {
        name: String,
        rest: String,
    },
}

/// Why a text is no route.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteFault {
    /// Not two words.
    #[error("it is not a method and a path")]
    Shape,
    /// Another method than those that APIs of models have.
    #[error("`{0}` is not one of GET, POST, PUT, PATCH, DELETE")]
    Method(String),
    /// A path that does not begin with a slash, or has a segment with other characters, or none.
    #[error("the path is not `/` and segments of letters, digits and `-._~:`, or `{{name}}` in the place of an id")]
    Path,
    /// A path of the gateway's own.
    #[error("the gateway answers `/v1/{0}` itself; only `GET /v1/files/{{id}}/content` is forwarded of it")]
    Own(String),
}

impl VendorRoute {
    /// A route as it stands in a configuration: `POST /v1/responses`.
    ///
    /// # Errors
    /// [`RouteFault`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, RouteFault> {
        let (method, path) = text.split_once(' ').ok_or(RouteFault::Shape)?;
        let known = Method::parse(method).filter(|method| !matches!(method, Method::Head | Method::Options));
        let known = known.ok_or_else(|| RouteFault::Method(method.to_owned()))?;
        let segments = path.strip_prefix('/').ok_or(RouteFault::Path)?.split('/');
        let parts = segments.map(PathPart::parse).collect::<Option<Vec<_>>>();
        let route = Self {
            method: known,
            parts: parts.ok_or(RouteFault::Path)?,
        };
        match route.own() {
            Some(own) => Err(RouteFault::Own(own)),
            None => Ok(route),
        }
    }

    /// What of the gateway's own this would be.
    fn own(&self) -> Option<String> {
        let literal = |at: usize| match self.parts.get(at) {
            Some(PathPart::Literal(text)) => text.as_str(),
            _ => "",
        };
        let second = literal(1);
        if literal(0) != "v1" || !OWN.contains(&second) {
            // A place that could stand for one of them.
            let any = literal(0) == "v1" && matches!(self.parts.get(1), Some(PathPart::Place { .. }) | None);
            return any.then(|| "{name}".to_owned());
        }
        let is_output = self.method == Method::Get
            && second == "files"
            && matches!(self.parts.get(2), Some(PathPart::Place { rest, .. }) if rest.is_empty())
            && literal(3) == "content"
            && self.parts.len() == 4;
        (!is_output).then(|| second.to_owned())
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Whether this request is one. A path that matches has one reading: no escapes, no dot segments.
    pub fn matches(&self, method: &str, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else {
            return false;
        };
        let mut segments = path.split('/');
        method == self.method.as_str()
            && self
                .parts
                .iter()
                .all(|part| segments.next().is_some_and(|segment| part.matches(segment)))
            && segments.next().is_none()
    }

    /// Where a path that matches is at the vendor whose API has this base: what is beneath `/v1` is beneath the base,
    /// any other path is as it is.
    pub fn at(&self, base: &str, path: &str) -> String {
        match self.is_beneath_base() {
            true => format!("{base}{}", path.get(BASE.len()..).unwrap_or_default()),
            false => path.to_owned(),
        }
    }

    /// What stands before the first place, at the vendor: for the grant that it needs.
    pub fn prefix_at(&self, base: &str) -> String {
        let literals = self.parts.iter().map_while(|part| match part {
            PathPart::Literal(text) => Some(text.as_str()),
            PathPart::Place { .. } => None,
        });
        let prefix: String = literals.flat_map(|text| ["/", text]).collect();
        self.at(base, &prefix)
    }

    fn is_beneath_base(&self) -> bool {
        matches!(self.parts.first(), Some(PathPart::Literal(text)) if text == &BASE[1..])
    }
}

impl PathPart {
    fn parse(segment: &str) -> Option<Self> {
        let Some(inner) = segment.strip_prefix('{') else {
            return is_plain(segment).then(|| Self::Literal(segment.to_owned()));
        };
        let (name, rest) = inner.split_once('}')?;
        let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        (named && (rest.is_empty() || is_plain(rest))).then(|| Self::Place {
            name: name.to_owned(),
            rest: rest.to_owned(),
        })
    }

    fn matches(&self, segment: &str) -> bool {
        match self {
            Self::Literal(text) => text == segment,
            Self::Place { rest, .. } => segment
                .strip_suffix(rest.as_str())
                .is_some_and(|id| id.len() <= LONGEST_ID && is_plain(id)),
        }
    }
}

/// A segment with one reading.
fn is_plain(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    !segment.is_empty() && segment.bytes().all(plain) && segment.bytes().any(|byte| byte != b'.')
}

impl fmt::Display for VendorRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.method)?;
        for part in &self.parts {
            match part {
                PathPart::Literal(text) => write!(f, "/{text}")?,
                PathPart::Place { name, rest } => write!(f, "/{{{name}}}{rest}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_written_as_it_is_read() {
        for text in [
            "POST /v1/responses",
            "GET /v1/batches/{id}",
            "POST /v1beta/models/{model}:generateContent",
            "GET /v1/files/{id}/content",
        ] {
            assert_eq!(VendorRoute::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_route_is_refused_by_its_reason() {
        let fault = |text: &str| VendorRoute::parse(text).unwrap_err();
        assert_eq!(fault("/v1/responses"), RouteFault::Shape);
        assert_eq!(fault("post /v1/responses"), RouteFault::Method("post".into()));
        assert_eq!(fault("OPTIONS /v1/x"), RouteFault::Method("OPTIONS".into()));
        for path in [
            "v1/x",
            "/",
            "/v1//x",
            "/v1/x/",
            "/v1/..",
            "/v1/a%2fb",
            "/v1/*",
            "/v1/{}",
            "/v1/{id",
            "/v1/a?b",
        ] {
            assert_eq!(fault(&format!("GET {path}")), RouteFault::Path, "{path}");
        }
        for path in [
            "/v1/files",
            "/v1/files/{id}",
            "/v1/tus",
            "/v1/loadlock/fsck",
            "/v1/{any}",
            "/v1",
        ] {
            assert!(matches!(fault(&format!("GET {path}")), RouteFault::Own(_)), "{path}");
        }
        assert!(matches!(fault("DELETE /v1/files/{id}/content"), RouteFault::Own(_)));
    }

    #[test]
    fn a_place_takes_one_plain_segment() {
        let route = VendorRoute::parse("GET /v1/batches/{id}").unwrap();
        assert!(route.matches("GET", "/v1/batches/batch_1"));
        let long = format!("/v1/batches/{}", "x".repeat(LONGEST_ID + 1));
        for path in [
            "/v1/batches",
            "/v1/batches/",
            "/v1/batches/..",
            "/v1/batches/.",
            "/v1/batches/a/b",
            "/v1/batches/a%2e",
            "/v1/batches/a b",
            "v1/batches/a",
            &long,
        ] {
            assert!(!route.matches("GET", path), "{path}");
        }
        let model = VendorRoute::parse("POST /v1beta/models/{model}:generateContent").unwrap();
        assert!(model.matches("POST", "/v1beta/models/gemini-2.5-pro:generateContent"));
        assert!(!model.matches("POST", "/v1beta/models/:generateContent"));
    }

    #[test]
    fn a_path_beneath_v1_is_beneath_the_vendors_base() {
        let chat = VendorRoute::parse("POST /v1/chat/completions").unwrap();
        assert_eq!(
            chat.at("/api/paas/v4", "/v1/chat/completions"),
            "/api/paas/v4/chat/completions"
        );
        let get = VendorRoute::parse("GET /v1/batches/{id}").unwrap();
        assert_eq!(get.prefix_at("/v1"), "/v1/batches");
        let model = VendorRoute::parse("POST /v1beta/models/{model}:generateContent").unwrap();
        assert_eq!(model.prefix_at("/v1beta"), "/v1beta/models");
    }
}
