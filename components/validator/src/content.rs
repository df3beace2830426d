//! What the first bytes of a file are.

use std::borrow::Cow;

use crate::{archive, compound, signature, text};

/// The kind of content, as far as the first bytes show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing to look at.
    Empty,
    /// Machine code or an installer: a program, a library, a module.
    Program(Cow<'static, str>),
    /// Text that a browser or a shell would run: HTML, a script.
    Script(&'static str),
    /// Another type with a signature.
    Known(Cow<'static, str>),
    /// Text without a signature.
    Text,
    /// Neither text nor known. `plain` if it may still be text in an old encoding.
    Binary { plain: bool },
}

impl Content {
    /// The media type, where there is a signature.
    pub(crate) fn media_type(&self) -> Option<&str> {
        match self {
            Self::Program(media) | Self::Known(media) => Some(media),
            Self::Script(media) => Some(media),
            Self::Empty | Self::Text | Self::Binary { .. } => None,
        }
    }

    pub(crate) const fn known(media: &'static str) -> Self {
        Self::Known(Cow::Borrowed(media))
    }

    pub(crate) const fn program(media: &'static str) -> Self {
        Self::Program(Cow::Borrowed(media))
    }
}

/// Signatures that are believed in text. All others are binary formats, whose first letters begin many a text: `MZ`,
/// `BM`, `PK`, `GIF`, `ID3`.
const TEXTUAL: [(&[u8], &str); 10] = [
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
    (b"<svg", "image/svg+xml"),
    (b"<?xml", "text/xml"),
    (b"SIMPLE  =", "image/fits"),
    // Variants of genes, whose extension is also that of business cards.
    (b"##fileformat=VCF", "text/plain"),
    (b"-----BEGIN PGP PUBLIC KEY BLOCK", "application/pgp-keys"),
    (b"-----BEGIN PGP MESSAGE", "application/pgp-encrypted"),
    (b"-----BEGIN PGP SIGNATURE", "application/pgp-signature"),
];

/// How a page or a script begins, in lower case.
const SCRIPT_STARTS: [(&[u8], &str); 4] = [
    (b"<?php", "application/x-httpd-php"),
    (b"<?=", "application/x-httpd-php"),
    (b"<!doctype html", "text/html"),
    (b"@echo off", "application/x-bat"),
];

/// Elements that a page begins with (WHATWG MIME Sniffing §7.1), before a space or `>`.
const PAGE_STARTS: [&[u8]; 16] = [
    b"<html", b"<head", b"<script", b"<iframe", b"<h1", b"<div", b"<font", b"<table", b"<a", b"<style", b"<title",
    b"<b", b"<body", b"<br", b"<p", b"<!--",
];

/// Interpreters after `#!`, by the beginning of their name.
const INTERPRETERS: [(&str, &str); 38] = [
    ("python", "text/x-python"),
    ("pypy", "text/x-python"),
    ("perl", "application/x-perl"),
    ("ruby", "text/x-ruby"),
    ("node", "text/javascript"),
    ("deno", "text/javascript"),
    ("bun", "text/javascript"),
    ("php", "application/x-httpd-php"),
    ("lua", "text/x-lua"),
    ("tclsh", "application/x-tcl"),
    ("wish", "application/x-tcl"),
    ("expect", "application/x-tcl"),
    ("awk", "text/x-awk"),
    ("gawk", "text/x-awk"),
    ("Rscript", "text/x-r"),
    ("zx", "text/javascript"),
    ("ts-node", "text/x-typescript"),
    ("coffee", "text/coffeescript"),
    ("make", "text/x-makefile"),
    ("gmake", "text/x-makefile"),
    ("sed", "text/x-sed"),
    ("gsed", "text/x-sed"),
    ("jq", "text/x-jq"),
    ("julia", "text/x-julia"),
    ("swift", "text/x-swift"),
    ("scala", "text/x-scala"),
    ("kotlin", "text/x-kotlin"),
    ("groovy", "text/x-groovy"),
    ("dart", "application/vnd.dart"),
    ("runhaskell", "text/x-haskell"),
    ("runghc", "text/x-haskell"),
    ("elixir", "text/x-elixir"),
    ("escript", "text/x-erlang"),
    ("ocaml", "text/x-ocaml"),
    ("emacs", "text/x-emacs-lisp"),
    ("guile", "text/x-scheme"),
    ("gnuplot", "text/x-gnuplot"),
    ("raku", "text/x-raku"),
];

/// Looks at the first bytes of a file, and at the table of contents of a container.
pub(crate) fn look(head: &[u8], contents: &[u8]) -> Content {
    if head.is_empty() {
        return Content::Empty;
    }
    if head.starts_with(signature::SKETCHUP) {
        // Begins with the mark of UTF-16.
        return Content::known("application/vnd.sketchup.skp");
    }
    if let Some(text) = text::as_text(head) {
        return look_at_text(text.as_bytes()).unwrap_or(Content::Text);
    }
    if text::is_plain(head) {
        return look_at_text(head).unwrap_or(Content::Binary { plain: true });
    }
    if head.starts_with(compound::SIGNATURE) {
        return compound::look(contents);
    }
    if head.starts_with(archive::SIGNATURE) {
        return archive::look(head, contents);
    }
    // A PDF and an archive that unpacks itself are text only at their beginning.
    signature::look(head)
        .or_else(|| look_at_text(head))
        .unwrap_or(Content::Binary { plain: false })
}

/// What text begins with; ASCII stands for itself in `text`.
fn look_at_text(text: &[u8]) -> Option<Content> {
    let start = text.trim_ascii_start();
    if let Some(line) = start.strip_prefix(b"#!") {
        return interpreter(line).map(Content::Script);
    }
    let begins = |begin: &&[u8]| start.len() >= begin.len() && start[..begin.len()].eq_ignore_ascii_case(begin);
    if let Some((_, media)) = SCRIPT_STARTS.iter().find(|(begin, _)| begins(begin)) {
        return Some(Content::Script(media));
    }
    let ends = |begin: &[u8]| matches!(start.get(begin.len()), Some(b' ' | b'>'));
    if PAGE_STARTS.iter().any(|begin| begins(begin) && ends(begin)) {
        return Some(Content::Script("text/html"));
    }
    let (_, media) = TEXTUAL.iter().find(|(begin, _)| start.starts_with(begin))?;
    let is_drawing = *media == "text/xml" && memchr::memmem::find(&start[..start.len().min(1024)], b"<svg").is_some();
    Some(Content::known(if is_drawing { "image/svg+xml" } else { media }))
}

/// The type of a script by the interpreter that it names; none where `#!` begins something else (`#!AMR`).
fn interpreter(line: &[u8]) -> Option<&'static str> {
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    let line = String::from_utf8_lossy(&line[..line.len().min(128)]);
    let mut words = line.split_ascii_whitespace();
    let path = words.next().filter(|path| path.starts_with('/'))?;
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut name = last(path);
    if name == "env" {
        let is_name = |word: &&str| !word.starts_with('-') && !word.contains('=');
        name = words.find(is_name).map(last).unwrap_or_default();
    }
    let known = INTERPRETERS.iter().find(|(begin, _)| name.starts_with(begin));
    Some(known.map_or("text/x-shellscript", |(_, media)| media))
}
