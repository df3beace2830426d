//! Credentials are refused by name, by folder and by content.

use super::support::*;

const NAME: &str = "secret_name";
const CONTENT: &str = "secret_content";

#[test]
fn names_of_credentials_are_refused() {
    for name in [
        ".env",
        ".ENV",
        ".env.local",
        ".env.production",
        ".env~",
        "．ｅｎｖ",
        "prod.env",
        ".envrc",
        "id_rsa",
        "ID_RSA",
        "id_rsa.bak",
        "id_ed25519.pdf",
        "id_work",
        "server.pem",
        "server.KEY",
        "cert.p12",
        "cert.pfx",
        "vault.kdbx",
        "store.jks",
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".git-credentials",
        ".htpasswd",
        "client_secret_123.json",
    ] {
        assert_eq!(judge_name(name), Err(NAME.into()), "{name}");
    }
}

#[test]
fn names_that_only_resemble_them_pass() {
    for name in [
        ".env.example",
        ".env.sample",
        ".env.production.example",
        "environment.txt",
        "id_card.pdf",
        "id_list.csv",
        "ids.txt",
        "android_id.txt",
        "keynote.keys",
        "credentials.md",
        "npmrc.md",
    ] {
        assert_eq!(judge_name(name), Ok(name.into()), "{name}");
    }
    assert!(judge("slides.key", ZIP).is_ok());
}

#[test]
fn folders_of_credentials_are_refused() {
    let code = |folder: &str, name: &str| {
        let mut candidate = candidate(name, "x");
        candidate.folder = folder.into();
        outcome(candidate, rules()).err()
    };
    for (folder, name) in [
        (".ssh", "known_hosts"),
        ("home/me/.ssh", "config"),
        ("home/me/.SSH/keys", "work"),
        (".gnupg/private-keys-v1.d", "ABC.key"),
        (".aws", "credentials"),
        (".aws/sso/cache", "token.json"),
        (".kube", "config"),
        ("me/.docker", "config.json"),
        (".config/gcloud", "credentials.db"),
        (".cargo", "credentials.toml"),
    ] {
        assert_eq!(code(folder, name).as_deref(), Some(NAME), "{folder}/{name}");
    }
    for (folder, name) in [
        ("ssh", "config"),
        ("a.ssh", "config"),
        (".docker/cache", "config.json"),
        (".kube", "readme"),
        ("", "config"),
    ] {
        assert_eq!(code(folder, name), None, "{folder}/{name}");
    }
}

#[test]
fn contents_of_credentials_are_refused() {
    let utf16: Vec<u8> = "\u{FEFF}-----BEGIN PRIVATE KEY-----\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let aws = format!("AWS_SECRET_ACCESS_KEY={}", "a1B2/".repeat(8));
    let json = format!("  \"SecretAccessKey\": \"{}\",", "a1B2/".repeat(8));
    let contents: [&[u8]; 11] = [
        b"-----BEGIN PRIVATE KEY-----\nMIIE",
        b"some notes\n  -----BEGIN RSA PRIVATE KEY-----\r\nMIIE",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
        b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
        b"\x00\x01binary-----BEGIN EC PRIVATE KEY-----\n",
        b"PuTTY-User-Key-File-3: ssh-ed25519\n",
        b"{\n  \"type\": \"service_account\",\n  \"private_key\": \"-----BEGIN PRIVATE KEY-----\\nMIIE",
        b"\xFE\xED\xFE\xED\x00\x00\x00\x02\x00\x00\x00\x01",
        &utf16,
        aws.as_bytes(),
        json.as_bytes(),
    ];
    for content in contents {
        assert_eq!(judge("notes.txt", content), Err(CONTENT.into()), "{content:?}");
    }
    let harmless: [&[u8]; 5] = [
        b"{\"type\": \"service_account\", \"project_id\": \"x\"}",
        b"-----BEGIN CERTIFICATE-----\nMIIE",
        b"-----BEGIN PUBLIC KEY-----\nMIIE",
        b"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        b"aws_secret_access_key = ${SECRET}",
    ];
    for content in harmless {
        assert!(judge("notes.txt", content).is_ok());
    }
}

#[test]
fn the_operator_can_let_them_in() {
    let mut open = rules();
    open.deny_secrets = false;
    assert!(outcome(candidate(".env", "A=1"), open.clone()).is_ok());
    assert!(outcome(candidate("a.txt", "-----BEGIN PRIVATE KEY-----"), open).is_ok());
}
