//! What a store says to a signature.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use http::request::Parts;
use sha2::{Digest as _, Sha256};

use super::{S3_KEY_ID, S3Options};

/// Status, code, and what else the error holds.
pub(super) type Refusal = (u16, &'static str, String);

const REFUSED: Refusal = (403, "SignatureDoesNotMatch", String::new());

/// Seconds that a clock may be off.
const SKEW_S: i64 = 15 * 60;

pub(super) fn now_s(options: &S3Options) -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    i64::try_from(now).unwrap_or(i64::MAX) + options.ahead_s
}

/// Checks that the request is signed by the key that is known, for this region and now, and everything in it that has
/// to be.
pub(super) fn check(options: &S3Options, head: &Parts) -> Result<(), Refusal> {
    let header = |name: &str| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let Some(fields) = header("authorization").strip_prefix("AWS4-HMAC-SHA256 ") else {
        return Err((403, "AccessDenied", String::new()));
    };
    let field = |name: &str| {
        let mut parts = fields.split(", ");
        parts
            .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
    };
    let scope: Vec<&str> = field("Credential").split('/').collect();
    let [key_id, day, region, "s3", "aws4_request"] = scope.as_slice() else {
        return Err((400, "AuthorizationHeaderMalformed", String::new()));
    };
    if *key_id != S3_KEY_ID {
        return Err((403, "InvalidAccessKeyId", String::new()));
    }
    if *region != options.region {
        let more = format!("<Region>{}</Region>", options.region);
        return Err((400, "AuthorizationHeaderMalformed", more));
    }
    let date = header("x-amz-date");
    let sent = seconds(date).ok_or(REFUSED)?;
    if (now_s(options) - sent).abs() > SKEW_S {
        return Err((403, "RequestTimeTooSkewed", String::new()));
    }
    let names: Vec<&str> = field("SignedHeaders").split(';').collect();
    let must =
        |name: &str| name == "host" || name.starts_with("x-amz-") || name == "content-type" || name == "if-none-match";
    let forgotten = head
        .headers
        .keys()
        .any(|name| must(name.as_str()) && !names.contains(&name.as_str()));
    if forgotten || !names.is_sorted() || header("x-amz-content-sha256").is_empty() {
        return Err((
            403,
            "AccessDenied",
            "<Message>There were headers present which were not signed</Message>".into(),
        ));
    }
    let mut canonical = format!("{}\n{}\n{}\n", head.method, path_of(head), query_of(head));
    for name in &names {
        let values: Vec<&str> = head
            .headers
            .get_all(*name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let words: Vec<String> = values
            .iter()
            .map(|value| {
                value
                    .split(' ')
                    .filter(|word| !word.is_empty())
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        canonical.push_str(&format!("{name}:{}\n", words.join(",")));
    }
    canonical.push_str(&format!("\n{}\n{}", names.join(";"), header("x-amz-content-sha256")));
    let digest = hex::encode(Sha256::digest(canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{day}/{region}/s3/aws4_request\n{digest}");
    let mut key = format!("AWS4{}", options.secret).into_bytes();
    for step in [*day, *region, "s3", "aws4_request", &text] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| REFUSED)?;
        mac.update(step.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    if hex::encode(key) != field("Signature") {
        // Some stores repeat what they were sent.
        let more = format!("<AWSAccessKeyId>{key_id}</AWSAccessKeyId><StringToSign>{digest}</StringToSign>");
        return Err((403, "SignatureDoesNotMatch", more));
    }
    Ok(())
}

/// Decoded and encoded again, so that only one spelling is right.
fn path_of(head: &Parts) -> String {
    let parts = head.uri.path().split('/');
    parts.map(|part| encoded(&decoded(part))).collect::<Vec<_>>().join("/")
}

fn query_of(head: &Parts) -> String {
    let mut pairs: Vec<(String, String)> = head
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (encoded(&decoded(name)), encoded(&decoded(value))))
        .collect();
    pairs.sort();
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("&")
}

pub(super) fn decoded(text: &str) -> Vec<u8> {
    let form = text.replace('+', "%2B");
    form_urlencoded::parse(format!("x={}", form.replace('&', "%26")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned().into_bytes())
        .unwrap_or_default()
}

pub(super) fn encoded(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    bytes
        .iter()
        .map(|&byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// Of `20261129T160000Z`, since 1970.
fn seconds(date: &str) -> Option<i64> {
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468;
    (date.len() == 16).then_some(days * 86_400 + number(9, 11)? * 3_600 + number(11, 13)? * 60 + number(13, 15)?)
}

/// Whether the method may have a body here.
pub(super) fn has_body(method: &Method) -> bool {
    matches!(*method, Method::PUT | Method::POST)
}
