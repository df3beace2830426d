//! What a file is: real formats and what looks like them.

use std::collections::BTreeMap;

use loadlock_samples::Verdict;
use loadlock_served::Place;

/// Of each kind some; the validator's own tests judge all of them.
const SLICE: [&str; 48] = [
    "latin1.csv",
    "a.tga",
    "icons.bin",
    "genes.vcf",
    "a.ipynb",
    "jwk.json",
    "docker.json",
    "rootkey.csv",
    "account.json",
    "gbk.csv",
    "unmarked.csv",
    "utf16be.csv",
    "a.tcl",
    "manage",
    "installer.run",
    "small.doc",
    "large.doc",
    "old.xls",
    "table.bin",
    "slides.ppt",
    "network.vsd",
    "offer.msg",
    "setup.msi",
    "invoice.doc",
    "encrypted.docx",
    "late.docx",
    "a.xlsb",
    "book",
    "lib.jar",
    "app.apk",
    "app.pdf",
    "a.npy",
    "a.parquet",
    "plan.dwg",
    "a.exe",
    "odd.csv",
    "audit.jsonl",
    "batch.jsonl",
    "key.json",
    "line.jsonl",
    "notes.txt",
    "pkcs8.der",
    "id_map.txt",
    "id_card.bmp",
    "id_rsa.pub",
    "id_work",
    ".env.example",
    "cacert.pem",
];

#[tokio::test]
async fn a_file_gets_the_type_or_the_refusal_that_a_person_expects() {
    let place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    let samples: BTreeMap<&str, _> = loadlock_samples::all()
        .into_iter()
        .map(|sample| (sample.name, sample))
        .filter(|(name, _)| SLICE.contains(name))
        .collect();
    assert_eq!(samples.len(), SLICE.len());
    for sample in samples.values() {
        place.file(sample.name, &sample.bytes);
    }
    let upload: Vec<&str> = std::iter::once("upload").chain(samples.keys().copied()).collect();
    let (_, lines) = place.run(&upload).await;
    let mut wrong = Vec::new();
    for (name, sample) in &samples {
        let line = lines.iter().find(|line| line["path"] == *name);
        let line = line.unwrap_or_else(|| panic!("{name} is missing in {lines:?}"));
        let is_expected = match sample.verdict {
            Verdict::Type(media) => line["media_type"] == media,
            Verdict::Refused(code) => {
                let message = line["error"]["message"].as_str().unwrap_or_default();
                line["error"]["code"] == "file_rejected" && message.contains(&format!("({code})"))
            }
        };
        if !is_expected {
            wrong.push(format!("{:?} and not {line}", sample.verdict));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
