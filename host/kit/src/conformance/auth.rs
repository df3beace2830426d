//! An auth component's cases: tokens, as data, and who is let in by them.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use loadlock_sandbox::auth::{Auth, AuthPolicy, Identified, Key, LegacyCredential, SignatureAlgorithm};
use loadlock_sandbox::{Sandbox, Source};
use serde_json::{Value, json};

use super::report::{CaseFacts, Finding, Found, KEPT, Recorder};
use super::subject::ConformanceError;

const NOW: u64 = 1_700_000_000;
const SECRET: &[u8] = b"a secret of at least thirty-two bytes, for tests";
const OLD: &str = "an-old-static-credential";

struct TokenCase {
    facts: CaseFacts,
    /// Changes the claims of a good token.
    change: fn(&mut Value),
    /// The denial; `None`: it is let in.
    denial: Option<&'static str>,
}

const fn case(
    name: &'static str,
    promise: &'static str,
    denial: Option<&'static str>,
    change: fn(&mut Value),
) -> TokenCase {
    TokenCase {
        facts: CaseFacts {
            name,
            promise,
            advice: "check each claim as `wit/auth.wit` says, and deny with the code that names it",
        },
        change,
        denial,
    }
}

const CASES: &[TokenCase] = &[
    case(
        "good-token",
        "a good token is let in, with its subject, tenant, scopes and expiry",
        None,
        |_| {},
    ),
    case(
        "several-audiences",
        "one of several audiences is enough",
        None,
        |claims| claims["aud"] = json!(["x", "loadlock"]),
    ),
    case(
        "expired",
        "a token is refused from `exp` and the leeway on",
        Some("expired"),
        |claims| claims["exp"] = json!(NOW - 60),
    ),
    case("within-leeway", "clocks may differ by the leeway", None, |claims| {
        claims["exp"] = json!(NOW - 59)
    }),
    case(
        "no-expiry",
        "a token without `exp` is refused",
        Some("expired"),
        |claims| {
            claims.as_object_mut().map(|claims| claims.remove("exp"));
        },
    ),
    case(
        "not-yet-valid",
        "a token is refused before `nbf`",
        Some("not_yet_valid"),
        |claims| claims["nbf"] = json!(NOW + 61),
    ),
    case(
        "wrong-issuer",
        "an issuer that the key may not speak for is refused",
        Some("wrong_issuer"),
        |claims| claims["iss"] = json!("them"),
    ),
    case(
        "wrong-audience",
        "a token for somebody else is refused",
        Some("wrong_audience"),
        |claims| claims["aud"] = json!("them"),
    ),
    case(
        "no-tenant",
        "a token without `tenant` is refused",
        Some("missing_claim"),
        |claims| {
            claims.as_object_mut().map(|claims| claims.remove("tenant"));
        },
    ),
    case(
        "empty-subject",
        "an empty `sub` is none",
        Some("missing_claim"),
        |claims| claims["sub"] = json!(""),
    ),
    case(
        "wrong-tenant",
        "a tenant that the key may not speak for is refused",
        Some("wrong_tenant"),
        |claims| claims["tenant"] = json!("other"),
    ),
    case("every-tenant", "`*` is no tenant", Some("wrong_tenant"), |claims| {
        claims["tenant"] = json!("*")
    }),
    case("revoked", "a revoked token is refused", Some("revoked"), |claims| {
        claims["jti"] = json!("revoked")
    }),
    case(
        "claims-of-other-types",
        "a claim of another type lets nobody in",
        Some("*"),
        |claims| claims["exp"] = json!("tomorrow"),
    ),
];

const HOSTILE: CaseFacts = CaseFacts {
    name: "hostile-credentials",
    promise: "whatever is presented, nobody is let in and no call is ended",
    advice: "read every part with a bound, and deny what cannot be read as `malformed`",
};
const SIGNATURE: CaseFacts = CaseFacts {
    name: "signatures-are-verified",
    promise: "a changed signature, `alg: none`, another algorithm and another key let nobody in",
    advice: "the key says how it is used; the token's own `alg` chooses nothing",
};
const LEGACY: CaseFacts = CaseFacts {
    name: "legacy-until-the-date",
    promise: "a credential from before tokens is accepted until the date, and not after it",
    advice: "compare digests in constant time; the date is absolute",
};
const CONFIGURE: CaseFacts = CaseFacts {
    name: "a-bad-policy-changes-nothing",
    promise: "a policy with a defect is refused whole, and the one before stays",
    advice: "check every key before the first is taken over",
};

fn policy() -> AuthPolicy {
    AuthPolicy {
        keys: vec![Key {
            kid: "main".to_owned(),
            algorithm: SignatureAlgorithm::Hs256,
            material: SECRET.to_vec(),
            issuers: vec!["us".to_owned()],
            tenants: vec!["acme".to_owned()],
        }],
        audiences: vec!["loadlock".to_owned()],
        leeway_s: 60,
        legacy: vec![LegacyCredential {
            sha256: loadlock_sandbox::digest(OLD.as_bytes()),
            subject: "old".to_owned(),
            tenant: "acme".to_owned(),
            scopes: vec!["read".to_owned()],
        }],
        legacy_until: Some(NOW + 10),
        revoked: vec!["revoked".to_owned()],
    }
}

fn claims() -> Value {
    json!({
        "iss": "us", "aud": "loadlock", "sub": "ada", "tenant": "acme", "scope": "read write openid",
        "exp": NOW + 600, "nbf": NOW - 5, "jti": "one",
    })
}

fn signed(claims: &Value, kid: Option<&str>, algorithm: Algorithm, secret: &[u8]) -> Result<String, String> {
    let mut header = Header::new(algorithm);
    header.kid = kid.map(str::to_owned);
    encode(&header, claims, &EncodingKey::from_secret(secret)).map_err(|error| format!("the test cannot sign: {error}"))
}

pub(super) async fn check(
    sandbox: &Sandbox,
    source: &Source,
    recorder: &mut Recorder<'_>,
) -> Result<(), ConformanceError> {
    let auth = Auth::load(sandbox, source, policy()).await?;
    for case in CASES {
        recorder.record(&case.facts, run(&auth, case).await);
    }
    recorder.record(&SIGNATURE, signatures(&auth).await);
    recorder.record(&HOSTILE, hostile(&auth).await);
    recorder.record(&LEGACY, legacy(&auth).await);
    recorder.record(&CONFIGURE, configure(&auth).await);
    Ok(())
}

/// Who is let in, or the denial's code.
async fn ask(auth: &Auth, credential: &str, now: u64) -> Result<Result<Identified, (&'static str, String)>, String> {
    match auth.authenticate(Some(credential.to_owned()), now).await {
        Ok(answer) => Ok(answer.map_err(|denial| (denial.code, denial.message))),
        Err(error) => Err(error.to_string()),
    }
}

async fn run(auth: &Auth, case: &TokenCase) -> Found {
    let mut claims = claims();
    (case.change)(&mut claims);
    let token = signed(&claims, Some("main"), Algorithm::HS256, SECRET)?;
    match (ask(auth, &token, NOW).await?, case.denial) {
        (Ok(who), None) => {
            let right = who.subject == "ada" && who.tenant == "acme" && who.scopes == ["read", "write"];
            if right {
                KEPT
            } else {
                Err(format!("it is let in as {who:?}"))
            }
        }
        (Ok(_), Some(_)) => Err("it is let in".to_owned()),
        (Err(_), Some("*")) => KEPT,
        (Err((code, _)), Some(expected)) if code == expected => KEPT,
        (Err((code, said)), expected) => Err(format!("it is denied as `{code}`: {said}; expected is {expected:?}")),
    }
}

async fn refused(auth: &Auth, what: &str, credential: &str) -> Result<(), String> {
    match ask(auth, credential, NOW)
        .await
        .map_err(|why| format!("{what}: {why}"))?
    {
        Ok(who) => Err(format!("{what} is let in as `{}`", who.subject)),
        Err(_) => Ok(()),
    }
}

async fn signatures(auth: &Auth) -> Found {
    let good = signed(&claims(), Some("main"), Algorithm::HS256, SECRET)?;
    let (head, signature) = good.rsplit_once('.').unwrap_or_default();
    let payload = head.split_once('.').map(|(_, payload)| payload).unwrap_or_default();
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    refused(
        auth,
        "a changed signature",
        &format!("{head}.{flipped}{}", &signature[1..]),
    )
    .await?;
    refused(auth, "an empty signature", &format!("{head}.")).await?;
    // {"alg":"none","kid":"main"}
    refused(
        auth,
        "`alg: none`",
        &format!("eyJhbGciOiJub25lIiwia2lkIjoibWFpbiJ9.{payload}."),
    )
    .await?;
    refused(
        auth,
        "HS512",
        &signed(&claims(), Some("main"), Algorithm::HS512, SECRET)?,
    )
    .await?;
    refused(
        auth,
        "another key",
        &signed(&claims(), Some("main"), Algorithm::HS256, &[7; 48])?,
    )
    .await?;
    refused(
        auth,
        "an unknown `kid`",
        &signed(&claims(), Some("other"), Algorithm::HS256, SECRET)?,
    )
    .await?;
    KEPT
}

async fn hostile(auth: &Auth) -> Found {
    let deep = format!("e30.{}.e30", "W1tb".repeat(5_000));
    let long = "x".repeat(100_000);
    let many = [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30.e30",
        "\0.\0.\0",
        "é.é.é",
        "eyJ.eyJ.eyJ",
        &deep,
        &long,
        "Bearer x",
    ];
    for credential in many {
        let shown: String = credential.chars().take(20).collect();
        refused(auth, &format!("`{}`", shown.escape_debug()), credential).await?;
    }
    match auth.authenticate(None, NOW).await {
        Ok(Err(denial)) if denial.code == "missing" => KEPT,
        Ok(Err(denial)) => Err(format!("no credential is denied as `{}`, not `missing`", denial.code)),
        Ok(Ok(_)) => Err("no credential is let in".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn legacy(auth: &Auth) -> Found {
    match ask(auth, OLD, NOW).await? {
        Ok(who) if who.legacy && who.subject == "old" => {}
        Ok(who) => return Err(format!("it is let in as {who:?}")),
        Err((code, said)) => return Err(format!("it is denied as `{code}` before the date: {said}")),
    }
    match ask(auth, OLD, NOW + 10).await? {
        Err(("legacy_ended", _)) => KEPT,
        Err((code, said)) => Err(format!("it is denied as `{code}` after the date: {said}")),
        Ok(_) => Err("it is let in after the date".to_owned()),
    }
}

async fn configure(auth: &Auth) -> Found {
    let mut bad = policy();
    bad.revoked.push("one".to_owned());
    if let Some(key) = bad.keys.first_mut() {
        key.material.truncate(31);
    }
    match auth.configure(bad).await {
        Ok(Err(_)) => {}
        Ok(Ok(())) => return Err("a secret of 31 bytes is taken".to_owned()),
        Err(error) => return Err(error.to_string()),
    }
    let token = signed(&claims(), Some("main"), Algorithm::HS256, SECRET)?;
    match ask(auth, &token, NOW).await? {
        Ok(_) => Ok(Finding::Kept(None)),
        Err((code, said)) => Err(format!(
            "a good token is denied as `{code}` after a policy was refused: {said}"
        )),
    }
}
