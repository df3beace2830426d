//! Which web pages may ask a gateway from a browser: the allowlist behind CORS.

use std::fmt;

use crate::egress::{Host, Origin, OriginError, Scheme};

/// The pages that may ask. Nobody's, unless the operator names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebOrigins {
    rules: Vec<WebOrigin>,
}

/// One origin, or all names below a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    origin: Origin,
    below: bool,
}

impl WebOrigin {
    /// Reads `https://app.example`, `http://localhost:3000` or `https://*.app.example`.
    ///
    /// # Errors
    /// [`OriginError`] says what is wrong. A `*` stands for whole labels in front, never for a top-level domain.
    ///
    /// ```
    /// use loadlock_policy::web_origins::WebOrigin;
    /// assert!(WebOrigin::parse("https://*.app.example").is_ok());
    /// assert!(WebOrigin::parse("https://*.example").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let Some((scheme, rest)) = text.split_once("://*.") else {
            let origin = Origin::parse(text)?;
            return Ok(Self { origin, below: false });
        };
        let origin = Origin::from_parts(scheme, rest)?;
        match &origin.host {
            Host::Name(name) if name.contains('.') => Ok(Self { origin, below: true }),
            _ => Err(OriginError::Wildcard),
        }
    }

    fn covers(&self, asked: &Origin) -> bool {
        if !self.below {
            return self.origin == *asked;
        }
        let (Host::Name(top), Host::Name(name)) = (&self.origin.host, &asked.host) else {
            return false;
        };
        self.origin.scheme == asked.scheme
            && self.origin.port == asked.port
            && name
                .strip_suffix(top.as_str())
                .is_some_and(|front| front.ends_with('.'))
    }

    /// Whether what is sent from there can be read on the way.
    pub fn is_plain(&self) -> bool {
        self.origin.scheme == Scheme::Http && !self.origin.host.is_loopback()
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = if self.below { "*." } else { "" };
        write!(f, "{}://{below}{}", self.origin.scheme, self.origin.host_header())
    }
}

impl WebOrigins {
    /// These, and no others.
    pub fn new(rules: Vec<WebOrigin>) -> Self {
        Self { rules }
    }

    /// Whether nobody may ask.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a page of this origin may ask. `null`, which a page in a sandbox or of a file has, never may.
    pub fn allows(&self, origin: &str) -> bool {
        Origin::parse(origin).is_ok_and(|asked| self.rules.iter().any(|rule| rule.covers(&asked)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rules(texts: &[&str]) -> WebOrigins {
        WebOrigins::new(texts.iter().map(|text| WebOrigin::parse(text).unwrap()).collect())
    }

    #[test]
    fn an_origin_is_its_scheme_host_and_port() {
        let rules = rules(&["https://App.example:443", "http://localhost:3000"]);
        for good in ["https://app.example", "http://localhost:3000"] {
            assert!(rules.allows(good), "{good}");
        }
        for bad in [
            "http://app.example",
            "https://app.example:444",
            "https://www.app.example",
            "https://app.example.evil.example",
            "https://app.example/",
            "http://localhost",
            "null",
            "",
            "file://",
        ] {
            assert!(!rules.allows(bad), "{bad}");
        }
        assert!(!WebOrigins::default().allows("https://app.example"));
    }

    #[test]
    fn a_wildcard_stands_for_labels_in_front() {
        let rules = rules(&["https://*.app.example:8443"]);
        for good in ["https://a.app.example:8443", "https://a.b.app.example:8443"] {
            assert!(rules.allows(good), "{good}");
        }
        for bad in [
            "https://app.example:8443",
            "https://evilapp.example:8443",
            "https://a.app.example",
            "http://a.app.example:8443",
            "https://.app.example:8443",
            "https://*.app.example:8443",
        ] {
            assert!(!rules.allows(bad), "{bad}");
        }
        for bad in [
            "*",
            "https://*",
            "https://*.com",
            "https://a.*.example",
            "https://*.10.0.0.1",
            "null",
        ] {
            assert!(WebOrigin::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_is_what_is_read() {
        for text in ["https://*.app.example", "http://localhost:3000"] {
            assert_eq!(WebOrigin::parse(text).unwrap().to_string(), text);
        }
    }
}
