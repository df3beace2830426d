use crate::{Sample, noise, padded, refused, taken, zip};

const NAME: &str = "secret_name";
const CONTENT: &str = "secret_content";

pub(crate) fn samples() -> Vec<Sample> {
    [keys(), names(), public(), mentions()].concat()
}

/// Base64 that begins like a key of that kind, wrapped as OpenSSL wraps it. Nobody's key.
fn body(begin: &str, length: usize, end: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let random = noise("", length)
        .into_iter()
        .map(|byte| char::from(DIGITS[usize::from(byte) % 64]));
    let text: Vec<char> = begin.chars().chain(random).collect();
    text.chunks(64)
        .map(|line| line.iter().collect::<String>() + end)
        .collect()
}

fn pem(kind: &str, begin: &str, end: &str) -> String {
    let body = body(begin, 1_580, end);
    format!("-----BEGIN {kind}-----{end}{body}-----END {kind}-----{end}")
}

fn account(key: &str) -> String {
    format!(
        "{{\n  \"type\": \"service_account\",\n  \"project_id\": \"p\",\n  \"private_key_id\": \"0a1b\",\n  \
         \"private_key\": \"{key}\",\n  \"client_email\": \"a@p.iam.gserviceaccount.com\"\n}}\n"
    )
}

fn keys() -> Vec<Sample> {
    let plain = pem("PRIVATE KEY", "MIIEvQIBADANBgkqhkiG9w0B", "\n");
    let escaped = pem("PRIVATE KEY", "MIIEvQIBADANBgkqhkiG9w0B", "\\n");
    let line = |text: &str| text.replace('\n', "").replace("  ", "");
    let indented = plain.replace('\n', "\n    ");
    let quoted = plain.replace('\n', "\n> ");
    let program: String = plain.lines().map(|line| format!("  \"{line}\\n\" +\n")).collect();
    let utf16: Vec<u8> = format!("\u{FEFF}{plain}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let unmarked: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let aws = "wJalrXUtnFEMIK7MDENGbPxRfiCYzR4nD0mKeyQ7";
    let secret = |name, content: &str| refused(name, content, CONTENT);
    vec![
        secret("notes.txt", &plain),
        secret("a.txt", &pem("RSA PRIVATE KEY", "MIIEpAIBAAKCAQEA", "\r\n")),
        secret("b.txt", &pem("EC PRIVATE KEY", "MHcCAQEEI", "\n")),
        secret(
            "c.txt",
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END \
             PRIVATE KEY-----\n",
        ),
        secret("d.txt", &pem("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAA", "\n")),
        secret("e.txt", &pem("ENCRYPTED PRIVATE KEY", "MIIFLTBXBgkqhkiG9w0BBQ0w", "\n")),
        secret(
            "f.txt",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\nabc\n",
        ),
        secret(
            "g.txt",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQOYBF\n",
        ),
        secret("h.txt", &pem("PGP PRIVATE KEY BLOCK", "lQdGBGVn", "\n")),
        secret(
            "deploy.yaml",
            &format!("kind: Secret\nstringData:\n  tls.key: |\n    {indented}"),
        ),
        secret("settings.json", &format!("{{\"key\": \"{escaped}\"}}")),
        secret("batch.jsonl", &format!("{{\"n\": 1}}\n{{\"key\": \"{escaped}\"}}\n")),
        secret(
            "nested.json",
            &format!("{{\"key\": \"{}\"}}", escaped.replace("\\n", "\\\\n")),
        ),
        secret("main.c", &format!("const char *key =\n{program}  \"\";\n")),
        secret("mail.txt", &format!("As you asked:\n> {quoted}\n")),
        secret("run.env.txt", &format!("KEY=\"{}\"\n", plain.replace('\n', " "))),
        secret("form.log", &format!("key={}\n", plain.replace('\n', "%0A"))),
        secret("page.html", &format!("<pre>{}</pre>", plain.replace('\n', "<br>"))),
        secret(
            "howto.md",
            &format!("A key begins with `-----BEGIN PRIVATE KEY-----`, like this one:\n\n{plain}"),
        ),
        refused("utf16.txt", utf16, CONTENT),
        refused("unmarked.txt", unmarked, CONTENT),
        refused("dump.bin", [&b"\0\x01\x02\0"[..], plain.as_bytes()].concat(), CONTENT),
        secret("key.json", &account(&escaped)),
        secret("line.jsonl", &line(&account(&escaped))),
        secret(
            "adc.json",
            "{\"client_id\": \"a\", \"refresh_token\": \"1//0abcdefghijk\", \"type\": \"authorized_user\"}",
        ),
        secret(
            "jwk.json",
            "{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\",\"kid\":\"1\"}",
        ),
        secret(
            "keys.json",
            "{\"keys\": [{\"kty\": \"RSA\", \"e\": \"AQAB\"}, {\"d\": \"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\", \
             \"kty\": \"OKP\"}]}",
        ),
        secret(
            "oct.json",
            "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ\"}",
        ),
        secret(
            "cluster.yaml",
            &format!(
                "users:\n- user:\n    client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ{}\n",
                body("o", 99, "")
            ),
        ),
        secret(
            "tls.yaml",
            &format!(
                "data:\n  tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tC{}\n",
                body("k", 99, "")
            ),
        ),
        secret(
            "docker.json",
            "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dXNlcjpwYXNzd29yZA==\"}}}",
        ),
        secret(
            "client.json",
            "{\"installed\":{\"client_id\":\"1.apps\",\"client_secret\":\"GOCSPX-abcdefghijklmnopqrstuvwxyz12\"}}",
        ),
        secret(
            "rootkey.csv",
            &format!("Access key ID,Secret access key\r\nAKIAQ3EGRT7YXW5KLMNO,{aws}\r\n"),
        ),
        secret("a.ini", &format!("[default]\naws_secret_access_key = {aws}\n")),
        secret("b.json", &format!("{{\"SecretAccessKey\": \"{aws}\"}}")),
        secret(
            "putty.txt",
            "PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n",
        ),
        secret(
            "age.txt",
            "# created: 2026\nAGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQQPZRY9X8GF2TVDW0S3JN54KHC\n",
        ),
        secret(
            "ssh2.txt",
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: \"a\"\nP2/56wAA\n",
        ),
        refused(
            "pkcs8.der",
            noise(
                b"\x30\x82\x04\xBD\x02\x01\0\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\0\x04\x82",
                64,
            ),
            CONTENT,
        ),
        refused(
            "pkcs1.der",
            noise(b"\x30\x82\x04\xA4\x02\x01\0\x02\x82\x01\x01\0", 64),
            CONTENT,
        ),
        refused("ec.der", noise(b"\x30\x77\x02\x01\x01\x04\x20", 64), CONTENT),
        refused(
            "ed25519.bin",
            noise(b"\x30\x2E\x02\x01\0\x30\x05\x06\x03\x2B\x65\x70\x04\x22\x04\x20", 32),
            CONTENT,
        ),
        refused(
            "encrypted.der",
            noise(
                b"\x30\x82\x05\x2D\x30\x57\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x05\x0D\x30",
                64,
            ),
            CONTENT,
        ),
        refused(
            "store.bin",
            noise(
                b"\x30\x82\x09\x6B\x02\x01\x03\x30\x82\x09\x31\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01\xA0",
                64,
            ),
            CONTENT,
        ),
        refused(
            "secring.bin",
            noise(b"\x95\x03\x98\x04\x65\x4A\0\x10\x01\x08\0", 64),
            CONTENT,
        ),
        refused("java.bin", padded(b"\xFE\xED\xFE\xED\0\0\0\x02\0\0\0\x01", 64), CONTENT),
        refused(
            "passwords.bin",
            padded(b"\x03\xD9\xA2\x9A\x67\xFB\x4B\xB5\x01\0\x04\0", 64),
            CONTENT,
        ),
    ]
}

fn names() -> Vec<Sample> {
    let mut samples: Vec<Sample> = [
        ".env",
        ".env.local",
        ".env.production",
        "prod.env",
        ".envrc",
        "id_rsa",
        "id_rsa.bak",
        "id_ed25519",
        "id_ecdsa",
        "id_work",
        "ssh_host_rsa_key",
        "server.key",
        "server.pem",
        "cert.p12",
        "cert.pfx",
        "vault.kdbx",
        "store.jks",
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".pgpass",
        ".git-credentials",
        ".htpasswd",
        "login.keychain-db",
        "kubeconfig",
        "client_secret_1.json",
        "application_default_credentials.json",
        "putty.ppk",
        "AuthKey.p8",
    ]
    .map(|name| refused(name, "hello\n", NAME))
    .to_vec();
    samples.extend(
        [
            (".env.example", "text/plain"),
            (".env.sample", "text/plain"),
            (".env.production.template", "text/plain"),
            ("example.env", "text/plain"),
            ("environment.txt", "text/plain"),
            ("id_map.txt", "text/plain"),
            ("id_list.csv", "text/csv"),
            ("id_mapping.tsv", "text/tab-separated-values"),
            ("id_table.sql", "application/x-sql"),
            ("id_rsa_explained.md", "text/markdown"),
            ("ids.txt", "text/plain"),
            ("credentials.md", "text/markdown"),
            ("passwords-policy.txt", "text/plain"),
            ("secrets.rst", "text/plain"),
            ("tokens.py", "text/x-python"),
            ("npmrc.md", "text/markdown"),
            ("keys.csv", "text/csv"),
            ("monkey.txt", "text/plain"),
        ]
        .map(|(name, media)| taken(name, "a,b\n1,2\n", media)),
    );
    samples.push(taken(
        "slides.key",
        zip(&[("Index/Document.iwa", b"\0")]),
        "application/vnd.apple.keynote",
    ));
    samples.push(taken(
        "game.p8",
        "pico-8 cartridge // http://www.pico-8.com\n",
        "text/plain",
    ));
    samples
}

/// Certificates and public keys.
fn public() -> Vec<Sample> {
    let certificate = pem("CERTIFICATE", "MIIDdzCCAl+gAwIBAgIE", "\n");
    let many = format!("\n# Issuer: CN=A\n# Label: \"A\"\n{certificate}").repeat(20);
    let pgp = pem("PGP PUBLIC KEY BLOCK", "mQINBFzY", "\n");
    let key = pem("PUBLIC KEY", "MIIBIjANBgkqhkiG9w0B", "\n");
    let both = format!("{certificate}{}", pem("PRIVATE KEY", "MIIEvQIBADANBgkqhkiG9w0B", "\n"));
    let der = noise(b"\x30\x82\x03\x77\x30\x82\x02\x5F\xA0\x03\x02\x01\x02\x02\x04", 64);
    let ca = "application/x-x509-ca-cert";
    vec![
        taken("server.crt", &certificate, ca),
        taken("server.pem", &certificate, ca),
        taken("fullchain.pem", certificate.repeat(3), ca),
        taken("cacert.pem", &many, ca),
        taken("ca-bundle.crt", &many, ca),
        taken("public.pem", &key, ca),
        taken("pubkey.key", &key, "text/plain"),
        taken("archive.key", &pgp, "application/pgp-keys"),
        taken("archive.asc", &pgp, "application/pgp-keys"),
        taken(
            "letter.asc",
            pem("PGP MESSAGE", "hQEMA", "\n"),
            "application/pgp-encrypted",
        ),
        taken(
            "release.asc",
            pem("PGP SIGNATURE", "iQEzBAAB", "\n"),
            "application/pgp-signature",
        ),
        taken(
            "server.csr",
            pem("CERTIFICATE REQUEST", "MIICijCCAXICAQAw", "\n"),
            "text/plain",
        ),
        taken("root.cer", &der, ca),
        taken("root.der", &der, ca),
        taken("root", &der, ca),
        taken(
            "id_rsa.pub",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 me@example.org\n",
            "text/plain",
        ),
        taken(
            "id_ed25519.pub",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me@example.org\n",
            "text/plain",
        ),
        taken(
            "known_hosts",
            "example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI\n",
            "text/plain",
        ),
        refused("server.pem", &both, NAME),
        refused("fullchain.pem", &both, NAME),
        refused("chain.txt", &both, CONTENT),
        refused("other.pem", certificate.repeat(8), NAME),
    ]
}

/// Text that speaks of secrets and holds none.
fn mentions() -> Vec<Sample> {
    let audit = "{\"protoPayload\":{\"authenticationInfo\":{\"principalEmail\":\"a@p.iam.gserviceaccount.com\"},\"resource\":\
                 {\"type\":\"service_account\",\"labels\":{\"private_key_id\":\"0a1b2c\"}}}}\n";
    let batch = "{\"custom_id\":\"1\",\"body\":{\"messages\":[{\"content\":\"What is {\\\"type\\\": \\\"service_account\\\"}?\"}]}}\n";
    let text = |name, content: &str, media| taken(name, content, media);
    let plain = "text/plain";
    vec![
        text("audit.jsonl", &audit.repeat(5), "application/jsonl"),
        text("audit.log", audit, plain),
        text("batch.jsonl", &batch.repeat(3), "application/jsonl"),
        text(
            "iam.json",
            "{\"type\": \"service_account\", \"private_key\": \"[REDACTED]\"}",
            "application/json",
        ),
        text(
            "schema.json",
            "{\"type\": \"service_account\", \"fields\": [\"private_key\", \"token_uri\"]}",
            "application/json",
        ),
        text(
            "adc.jsonl",
            "{\"type\": \"authorized_user\", \"refresh_token\": \"[REDACTED]\"}\n",
            "application/jsonl",
        ),
        text(
            "howto.md",
            "A key file begins with `-----BEGIN PRIVATE KEY-----`, a certificate does not.\n",
            "text/markdown",
        ),
        text(
            "b.md",
            "It starts with -----BEGIN RSA PRIVATE KEY-----\nand ends with -----END RSA PRIVATE KEY-----.\n",
            "text/markdown",
        ),
        text(
            "c.md",
            "```\n-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n```\n",
            "text/markdown",
        ),
        text(
            "d.yaml",
            "key: |\n  -----BEGIN PRIVATE KEY-----\n  <your key>\n  -----END PRIVATE KEY-----\n",
            "application/yaml",
        ),
        text(
            "e.json",
            "{\"key\": \"-----BEGIN PRIVATE KEY-----\\nREDACTED\\n-----END PRIVATE KEY-----\"}",
            "application/json",
        ),
        text(
            "f.py",
            "if line == \"-----BEGIN PRIVATE KEY-----\":\n    break\n",
            "text/x-python",
        ),
        text(
            "g.js",
            "const pem = \"-----BEGIN PRIVATE KEY-----\\n\" +\n  body +\n  \"\\n-----END\";\n",
            "text/javascript",
        ),
        text(
            "h.go",
            "if strings.HasPrefix(s, \"-----BEGIN RSA PRIVATE KEY-----\") {\n\treturn parse(s)\n}\n",
            plain,
        ),
        text(
            "i.java",
            "static final String BEGIN = \"-----BEGIN PRIVATE KEY-----\";\nstatic final String END = \"\";\n",
            "text/x-java",
        ),
        text(
            "j.rs",
            "const BEGIN: &str = \"-----BEGIN PRIVATE KEY-----\";\n\nfn main() {}\n",
            "text/x-rust",
        ),
        text(
            "k.log",
            "WARN refused: contains -----BEGIN PRIVATE KEY----- \
             sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n",
            plain,
        ),
        text("l.sh", "grep -r \"BEGIN PRIVATE KEY\" .\n", "application/x-sh"),
        text(
            "m.sh",
            "grep -q -- '-----BEGIN .*PRIVATE KEY-----' \"$1\" && exit 1\n",
            "application/x-sh",
        ),
        text(
            "n.md",
            "PuTTY writes `PuTTY-User-Key-File-2: ssh-rsa` into the first line.\n",
            "text/markdown",
        ),
        text(
            "o.md",
            "Keys of age begin with AGE-SECRET-KEY-1 and stay at home.\n",
            "text/markdown",
        ),
        text(
            "p.ini",
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
            plain,
        ),
        text("q.tf", "aws_secret_access_key = var.secret\n", plain),
        text(
            "r.log",
            "aws_secret_access_key=****************************************\n",
            plain,
        ),
        text(
            "s.log",
            "SecretAccessKey=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
            plain,
        ),
        text(
            "t.md",
            "Set `AWS_SECRET_ACCESS_KEY` and `AWS_ACCESS_KEY_ID`.\n",
            "text/markdown",
        ),
        text(
            "account.json",
            &account("-----BEGIN PRIVATE KEY-----\\n...\\n-----END PRIVATE KEY-----\\n"),
            "application/json",
        ),
        text(
            "short.json",
            &account("-----BEGIN PRIVATE KEY-----\\n..."),
            "application/json",
        ),
        text(
            "jwks.json",
            "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM\",\"e\":\"AQAB\"}],\"d\":{}}",
            "application/json",
        ),
        text(
            "jwk.md",
            "A private key has `{\"kty\": \"RSA\", \"d\": \"...\"}`.\n",
            "text/markdown",
        ),
        text(
            "config.json",
            "{\"auths\": {\"registry.example\": {\"auth\": \"<base64 of name:password>\"}, \"empty.example\": {}}}",
            "application/json",
        ),
        text(
            "client.md",
            "The field `\"client_secret\": \"GOCSPX-...\"` is secret.\n",
            "text/markdown",
        ),
        text(
            "columns.csv",
            "Access key ID,Secret access key\nAKIAIOSFODNN7EXAMPLE,see the vault\n",
            "text/csv",
        ),
        text(
            "cluster.md",
            "`client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQo...` is the key.\n",
            "text/markdown",
        ),
        text("u.txt", "password: see the vault. private_key: none. token=\n", plain),
        taken(
            "snmp.bin",
            b"\x30\x29\x02\x01\x01\x04\x06public\xA0\x1C\x02\x04\0\0\0\x01",
            "application/octet-stream",
        ),
    ]
}
