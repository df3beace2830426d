//! A name becomes one clean segment or is refused.

use super::support::*;

fn refused(code: &str, names: &[&str]) {
    for name in names {
        assert_eq!(judge_name(name), Err(code.to_owned()), "{name:?}");
    }
}

#[test]
fn ordinary_names_pass_unchanged() {
    for name in [
        "a",
        "report.pdf",
        ".gitignore",
        "a b (1).tar.gz",
        "größe.txt",
        "报告.docx",
        "отчёт.csv",
        "تقرير.pdf",
        "می\u{200C}خواهم.txt",
        "👨\u{200D}👩\u{200D}👧.png",
        "❤\u{FE0F}.png",
        "console.log",
        "com10.txt",
        "nul-hypothesis.pdf",
        "..hidden",
        "a..b",
        "10:30.txt",
    ] {
        assert_eq!(judge_name(name), Ok(name.to_owned()), "{name:?}");
    }
}

#[test]
fn names_are_brought_to_nfc() {
    assert_eq!(judge_name("u\u{308}ber.txt"), Ok("über.txt".into()));
}

#[test]
fn each_defect_has_its_code() {
    refused("name_empty", &[""]);
    refused("name_separator", &["a/b", "a\\b", "/", "../x", "..\\x"]);
    refused("name_dot_segment", &[".", ".."]);
    refused(
        "name_control_character",
        &[
            "a\0.txt",
            "a\nb",
            "\u{7F}",
            "a\u{85}",
            "a\u{2028}b",
            "a\u{FFFE}",
            "a\u{1FFFF}",
        ],
    );
    refused(
        "name_bidi_character",
        &["invoice\u{202E}fdp.exe", "a\u{2066}b", "a\u{200F}b"],
    );
    refused(
        "name_invisible_character",
        &[
            "a\u{200B}b",
            "\u{FEFF}a",
            "a\u{00AD}b",
            "a\u{200D}b",
            "\u{200C}é",
            "é\u{200C}\u{200D}é",
            "a\u{3164}",
            "a\u{E0041}",
        ],
    );
    refused("name_edge", &[" a", "a ", "a.", "...", "a.txt.", "\u{A0}a", " "]);
    refused(
        "name_reserved",
        &[
            "CON",
            "con.txt",
            "Nul.tar.gz",
            "aux .txt",
            "COM1",
            "lpt9.log",
            "com¹",
            "CONIN$",
        ],
    );
    refused("name_too_long", &["x".repeat(256).as_str(), "é".repeat(128).as_str()]);
    assert_eq!(judge_name(b"a\xFFb"), Err("name_not_utf8".into()));
    assert_eq!(judge_name(b"\xED\xA0\x80"), Err("name_not_utf8".into()));
}

#[test]
fn the_length_is_counted_after_normalising() {
    let decomposed = "e\u{301}".repeat(127);
    assert!(decomposed.len() > 255);
    assert_eq!(judge_name(&decomposed), Ok("é".repeat(127)));
    assert!(judge_name("x".repeat(255)).is_ok());
    assert_eq!(judge_name("e\u{301}".repeat(10_000)), Err("name_too_long".into()));
}

#[test]
fn extensions_are_lower_case_and_without_the_dot() {
    for (name, extension) in [
        ("a.PDF", "pdf"),
        ("a.tar.GZ", "gz"),
        (".gitignore", ""),
        ("README", ""),
        (".config.json", "json"),
    ] {
        assert_eq!(inspect(candidate(name, "x"), rules()).unwrap().extension, extension);
    }
}
