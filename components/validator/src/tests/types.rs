//! Media type by content, extension and hint; contradictions that are dangerous.

use super::support::*;

const MISMATCH: &str = "type_mismatch";

#[test]
fn content_decides_the_type() {
    for (name, head, media) in [
        ("a.pdf", PDF, "application/pdf"),
        ("a", PDF, "application/pdf"),
        ("a.txt", PDF, "application/pdf"),
        ("a.jpg", PNG, "image/png"),
        ("a.zip", ZIP, "application/zip"),
        ("a", ZIP, "application/zip"),
        ("a.jpg", ZIP, "application/zip"),
        ("a.pdf", ZIP, "application/zip"),
        ("a.exe", EXE, "application/vnd.microsoft.portable-executable"),
        ("tool", ELF, "application/x-executable"),
    ] {
        assert_eq!(judge(name, head).as_deref(), Ok(media), "{name}");
    }
}

#[test]
fn the_extension_refines_a_family() {
    for (name, head, media) in [
        (
            "a.docx",
            ZIP,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (
            "a.xlsx",
            ZIP,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        ("a.odt", ZIP, "application/vnd.oasis.opendocument.text"),
        ("a.epub", ZIP, "application/epub+zip"),
        ("a.svg", b"<?xml version=\"1.0\"?><svg>" as &[u8], "image/svg+xml"),
        ("a.xml", b"<?xml version=\"1.0\"?><a>", "text/xml"),
        ("a.html", b"<!DOCTYPE html><html>", "text/html"),
        ("a.py", b"#!/usr/bin/env python3\n", "text/x-python"),
        ("a.sh", b"#!/bin/sh\n", "application/x-sh"),
        ("a.ts", b"#!/usr/bin/env node\n", "text/x-typescript"),
    ] {
        assert_eq!(judge(name, head).as_deref(), Ok(media), "{name}");
    }
}

#[test]
fn text_is_named_by_its_extension() {
    for (name, head, media) in [
        ("a.txt", "hello" as &str, "text/plain"),
        ("README", "hello", "text/plain"),
        ("a.md", "# hello", "text/markdown"),
        ("a.csv", "a,b\n1,2\n", "text/csv"),
        ("a.json", "{}", "application/json"),
        ("a.jsonl", "{}\n{}", "application/jsonl"),
        ("a.yaml", "a: 1", "application/yaml"),
        ("a.rs", "fn main() {}", "text/x-rust"),
        ("a.jpg", "not a picture", "text/plain"),
        ("a.txt", "BC Ministry", "text/plain"),
        ("a.txt", "MZ is how it starts", "text/plain"),
        ("a.txt", "BMW", "text/plain"),
        ("a.md", "<!-- a comment --> # Title", "text/markdown"),
    ] {
        assert_eq!(judge(name, head).as_deref(), Ok(media), "{name}: {head}");
    }
}

#[test]
fn text_may_be_cut_inside_a_character_or_be_in_another_encoding() {
    let mut cut = "x".repeat(8191).into_bytes();
    cut.push(0xC3);
    assert_eq!(judge("a.txt", cut).as_deref(), Ok("text/plain"));
    assert_eq!(judge("a.csv", b"caf\xE9;1\n").as_deref(), Ok("text/csv"));
    let utf16: Vec<u8> = "\u{FEFF}a;b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(judge("a.csv", utf16).as_deref(), Ok("text/csv"));
    assert_eq!(judge("a.txt", b"a\0b").as_deref(), Ok("application/octet-stream"));
}

#[test]
fn the_clients_claim_is_only_a_hint() {
    let claimed = |name: &str, head: &[u8], declared: &str| {
        let mut candidate = candidate(name, head);
        candidate.declared_type = Some(declared.into());
        outcome(candidate, rules())
    };
    let unknown: &[u8] = b"\x01\x02\x03\x00";
    assert_eq!(claimed("a", unknown, "audio/x-mine").as_deref(), Ok("audio/x-mine"));
    assert_eq!(claimed("a", b"text", "text/markdown").as_deref(), Ok("text/markdown"));
    assert_eq!(claimed("a", b"text", "image/png").as_deref(), Ok("text/plain"));
    assert_eq!(claimed("a", PNG, "application/pdf").as_deref(), Ok("image/png"));
    assert_eq!(
        claimed("a.exe", EXE, "image/png").unwrap(),
        "application/vnd.microsoft.portable-executable"
    );
    for odd in ["", "png", "a/b/c", "image/png; x=1", "image/\r\nX: y", "*/*"] {
        assert_eq!(
            claimed("a", unknown, odd).as_deref(),
            Ok("application/octet-stream"),
            "{odd}"
        );
    }
}

#[test]
fn a_program_under_another_extension_is_refused() {
    let wasm: &[u8] = b"\0asm\x01\0\0\0";
    for head in [EXE, ELF, wasm] {
        for name in ["a.pdf", "a.jpg", "a.docx", "a.txt", "a.csv", "a.zip", "a.PDF"] {
            assert_eq!(judge(name, head), Err(MISMATCH.into()), "{name}");
        }
        for name in ["a", "a.bin", "a.unknown", "a.so", "a.exe"] {
            assert!(judge(name, head).is_ok(), "{name}");
        }
    }
}

#[test]
fn a_page_or_script_under_a_documents_extension_is_refused() {
    let utf16: Vec<u8> = "\u{FEFF}<script>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let heads: [&[u8]; 8] = [
        b"<!DOCTYPE html><html>",
        b"\xEF\xBB\xBF  <HTML>",
        b"<script>alert(1)</script>",
        b"<?php system($_GET['c']);",
        b"#!/bin/sh\nrm -rf /",
        b"@ECHO OFF\r\ndel *",
        b"\n\n<body onload=x>",
        &utf16,
    ];
    for head in heads {
        for name in ["a.pdf", "a.png", "a.docx", "a.mp3", "a.zip"] {
            assert_eq!(judge(name, head), Err(MISMATCH.into()), "{name}: {head:?}");
        }
        for name in ["a.html", "a.txt", "a.md", "a.php", "a.sh", "a.js", "a", "a.svg"] {
            assert!(judge(name, head).is_ok(), "{name}: {head:?}");
        }
    }
}

#[test]
fn the_operator_can_let_contradictions_pass() {
    let mut open = rules();
    open.deny_mismatch = false;
    assert!(outcome(candidate("a.pdf", EXE), open).is_ok());
}
