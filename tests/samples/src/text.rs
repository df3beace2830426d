use crate::{Sample, noise, padded, refused, taken};

pub(crate) fn samples() -> Vec<Sample> {
    [encodings(), beginnings(), scripts(), plain(), mail()].concat()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

fn encodings() -> Vec<Sample> {
    let little = u16::to_le_bytes;
    let big = u16::to_be_bytes;
    let utf32 = |unit: fn(u32) -> [u8; 4]| {
        "\u{FEFF}a;b\n1;2\n"
            .chars()
            .flat_map(|c| unit(c as u32))
            .collect::<Vec<u8>>()
    };
    vec![
        taken("utf8.csv", "größe;名前\n1;2\n", "text/csv"),
        taken("mark.csv", "\u{FEFF}MZ;größe\n1;2\n", "text/csv"),
        taken("utf16le.csv", utf16("\u{FEFF}MZ;größe\n1;2\n", little), "text/csv"),
        taken("utf16be.csv", utf16("\u{FEFF}MZ;größe\n1;2\n", big), "text/csv"),
        taken("unmarked.csv", utf16("MZ;BM;PK\r\n1;2;3\r\n", little), "text/csv"),
        taken("unmarked_be.csv", utf16("MZ;BM;PK\r\n1;2;3\r\n", big), "text/csv"),
        taken(
            "unmarked.reg",
            utf16("Windows Registry Editor Version 5.00\r\n", little),
            "text/plain",
        ),
        taken("utf32.csv", utf32(u32::to_le_bytes), "text/csv"),
        taken("utf32be.csv", utf32(u32::to_be_bytes), "text/csv"),
        taken("latin1.csv", b"MZ;Gr\xF6\xDFe;Caf\xE9\r\n1;2;3\r\n", "text/csv"),
        taken("windows1252.txt", b"\x93quoted\x94 \x96 with \x80 signs", "text/plain"),
        taken("README", b"Gr\xFC\xDFe aus K\xF6ln\n", "text/plain"),
        taken(
            "gbk.csv",
            b"MZ,\xB1\xA8\xB8\xE6,\xC4\xEA\xB7\xDD\r\n1,2,3\r\n",
            "text/csv",
        ),
        taken("big5.txt", b"BM \xA4\xA4\xA4\xE5\xB3\xF8\xA7i\n", "text/plain"),
        taken("shiftjis.csv", b"PK,\x93\xFA\x96\x7B\x8C\xEA\r\n", "text/csv"),
        taken("eucjp.txt", b"\xC6\xFC\xCB\xDC\xB8\xEC\n", "text/plain"),
        taken("euckr.csv", b"\xC7\xD1\xB1\xB9\xBE\xEE,1\n", "text/csv"),
        taken("koi8r.txt", b"\xEF\xD4\xDE\xA3\xD4 BC\n", "text/plain"),
        taken("windows1251.csv", b"MZ;\xCE\xF2\xF7\xB8\xF2\n", "text/csv"),
        taken("iso2022jp.txt", b"\x1B$BF|K\\8l\x1B(B\n", "text/plain"),
        taken("dos.txt", b"MZ is the first line\r\n\x81\x84\x94\r\n\x1A", "text/plain"),
        taken("dos.csv", b"MZ;1\r\n\x1A", "text/csv"),
        taken("colours.log", "\u{1B}[31merror\u{1B}[0m MZ\n\u{7}", "text/plain"),
        taken(
            "orders.fix",
            "8=FIX.4.4\u{1}9=65\u{1}35=A\u{1}49=MZ\u{1}56=BM\u{1}\n",
            "text/plain",
        ),
        taken(
            "manual.txt",
            "N\u{8}NA\u{8}AM\u{8}ME\u{8}E\n       ls - list directory contents\n",
            "text/plain",
        ),
        taken("pages.txt", "one\u{C}two\u{C}", "text/plain"),
    ]
}

/// Texts that begin like a binary format.
fn beginnings() -> Vec<Sample> {
    const BEGINNINGS: [&str; 27] = [
        "MZ", "ZM", "BM", "BMW", "PK", "GIF", "GIF89a", "ID3", "%!", "BZh9", "OTTO", "Rar!", "7z", "II*", "MM", "ELF",
        "CWS", "FWS", "OggS", "RIFF", "fLaC", "8BPS", "P6 ", "GGUF", "ORC", "BC", "%PDX",
    ];
    let text = |begin: &str| format!("{begin} is how it begins;1;2\r\n");
    // The same in an encoding that is not UTF-8.
    let latin = |begin: &str| [text(begin).as_bytes(), b"\xE9t\xE9;\xFC;\xF1\r\n"].concat();
    let mut samples = Vec::new();
    for begin in BEGINNINGS {
        samples.push(taken("list.csv", text(begin), "text/csv"));
        samples.push(taken("list.csv", latin(begin), "text/csv"));
        samples.push(taken("notes", text(begin), "text/plain"));
    }
    samples.extend([
        taken("a.md", "#!/ is called a shebang\n", "text/markdown"),
        taken("b.md", "#!AMR begins a recording\n", "text/markdown"),
        taken("c.md", "<!-- a comment -->\n# Title\n", "text/markdown"),
        taken("tags.txt", "#!important #!later\n", "text/plain"),
        taken("d.txt", "\u{7F}ELF begins a program of Linux\n", "text/plain"),
        taken("e.txt", "<p>, <b> and <a> are elements\n", "text/plain"),
        taken("f.txt", "<?xml version=\"1.0\"?> begins a file of XML\n", "text/plain"),
        taken("g.csv", "%PDF-,is,how,a,PDF,begins\n", "application/pdf"),
    ]);
    samples
}

fn scripts() -> Vec<Sample> {
    let by = |interpreter: &str| format!("#!/usr/bin/env {interpreter}\n# what it does\n");
    vec![
        taken("a.tcl", by("tclsh"), "application/x-tcl"),
        taken("b.tcl", "puts hello\n", "application/x-tcl"),
        taken("a.sh", "#!/bin/sh\nset -e\n", "application/x-sh"),
        taken("b.sh", "set -e\n", "application/x-sh"),
        taken("a.bash", "#!/bin/bash\n", "text/x-shellscript"),
        taken("a.zsh", by("zsh"), "text/x-shellscript"),
        taken("a.fish", by("fish"), "text/x-shellscript"),
        taken("a.csh", "#!/bin/csh -f\n", "application/x-csh"),
        taken("a.py", by("python3"), "text/x-python"),
        taken("a.pl", "#!/usr/bin/perl -w\n", "application/x-perl"),
        taken("a.pm", "package A;\n1;\n", "application/x-perl"),
        taken("a.rb", by("ruby"), "text/x-ruby"),
        taken("a.lua", by("lua5.4"), "text/x-lua"),
        taken("a.php", "<?php echo 1;\n", "application/x-httpd-php"),
        taken("a.js", by("node"), "text/javascript"),
        taken("a.mjs", by("-S node --no-warnings"), "application/javascript"),
        taken("a.ts", by("ts-node"), "text/x-typescript"),
        taken("a.R", by("Rscript"), "text/x-r"),
        taken("a.jl", by("julia"), "text/x-julia"),
        taken("b.jl", "x = 1\n", "text/x-julia"),
        taken("a.awk", "#!/usr/bin/awk -f\n", "text/x-awk"),
        taken("a.sed", "#!/bin/sed -f\n", "text/x-sed"),
        taken("a.groovy", by("groovy"), "text/x-groovy"),
        taken("a.scala", by("scala"), "text/x-scala"),
        taken("a.kts", by("kotlin"), "text/x-kotlin"),
        taken("a.exs", by("elixir"), "text/x-elixir"),
        taken("a.scm", "#!/usr/bin/guile -s\n!#\n", "text/x-scheme"),
        taken("a.dart", by("dart"), "application/vnd.dart"),
        taken("a.swift", "#!/usr/bin/swift\n", "text/x-swift"),
        taken("a.hs", by("runhaskell"), "text/x-haskell"),
        taken("a.el", "#!/usr/bin/emacs --script\n", "text/x-emacs-lisp"),
        taken("a.gnuplot", "#!/usr/bin/gnuplot\n", "text/x-gnuplot"),
        taken("a.jq", "#!/usr/bin/jq -f\n", "text/x-jq"),
        taken("rules", "#!/usr/bin/make -f\n", "text/x-makefile"),
        taken("a.mk", "all:\n\techo a\n", "text/x-makefile"),
        taken("release", by("zx"), "text/javascript"),
        taken("a.t", "#!/usr/bin/perl\nuse Test::More;\n", "application/x-perl"),
        taken("b.t", "use Test::More;\n", "text/plain"),
        taken("a.fsx", by("dotnet fsi"), "text/x-shellscript"),
        taken("a.expect", "#!/usr/bin/expect -f\n", "application/x-tcl"),
        taken("configure", "#! /bin/sh\n", "text/x-shellscript"),
        taken("manage", by("python3"), "text/x-python"),
        taken(
            "latin.pl",
            b"#!/usr/bin/perl\nprint \"Gr\xFC\xDFe\";\n",
            "application/x-perl",
        ),
        taken(
            "installer.run",
            noise("#!/bin/sh\ntail -n +3 $0 | tar xz\nexit\n", 200),
            "application/x-makeself",
        ),
        taken("a.bat", "@ECHO OFF\r\ndir\r\n", "application/x-bat"),
        taken("a.cmd", "@echo off\r\n", "application/x-bat"),
        taken("a.ps1", "#!/usr/bin/env pwsh\nGet-Item .\n", "text/x-shellscript"),
        taken("a.vbs", "MsgBox 1\r\n", "text/vbscript"),
        taken("a.hta", "<html><script>1</script></html>", "application/hta"),
        taken("a.html", "<!DOCTYPE html><title>a</title>", "text/html"),
        taken("page", "<!DOCTYPE html><title>a</title>", "text/html"),
        taken("a.jsp", "<%@ page %>\n<html></html>", "text/plain"),
        taken("a.vue", "<template><div/></template>", "text/plain"),
        taken(
            "a.xhtml",
            "<?xml version=\"1.0\"?>\n<html xmlns=\"a\"/>",
            "application/xhtml+xml",
        ),
        refused("a.pdf", "#!/bin/sh\nrm -rf /\n", "type_mismatch"),
        refused("a.jpg", "<?php system($_GET['c']);", "type_mismatch"),
        refused("b.jpg", b"<?php /* \xE9 */ system($_GET['c']);", "type_mismatch"),
        refused("a.png", "<!DOCTYPE html><script>1</script>", "type_mismatch"),
        refused(
            "a.docx",
            utf16("\u{FEFF}<script>1</script>", u16::to_le_bytes),
            "type_mismatch",
        ),
        refused("b.docx", utf16("<script>1</script>", u16::to_le_bytes), "type_mismatch"),
        refused("a.mp4", "@echo off\r\ndel *\r\n", "type_mismatch"),
        refused("a.zip", "<html><body>Not found</body></html>", "type_mismatch"),
    ]
}

fn plain() -> Vec<Sample> {
    vec![
        taken("a.txt", "hello\n", "text/plain"),
        taken("LICENSE", "Permission is hereby granted\n", "text/plain"),
        taken("a.md", "# Title\n", "text/markdown"),
        taken("a.rst", "Title\n=====\n", "text/plain"),
        taken("a.org", "* Title\n", "text/x-org"),
        taken("a.json", "{\"a\": 1}\n", "application/json"),
        taken("a.jsonl", "{\"a\": 1}\n{\"a\": 2}\n", "application/jsonl"),
        taken("a.ndjson", "{\"a\": 1}\n{\"a\": 2}\n", "application/x-ndjson"),
        taken(
            "a.geojson",
            "{\"type\": \"FeatureCollection\"}\n",
            "application/geo+json",
        ),
        taken(
            "a.ipynb",
            "{\"cells\": [], \"nbformat\": 4}\n",
            "application/x-ipynb+json",
        ),
        taken("genes.vcf", "##fileformat=VCFv4.2\n#CHROM\tPOS\n", "text/plain"),
        taken(
            "a.mtx",
            "%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 2.5\n",
            "text/plain",
        ),
        taken("b.mtx", "<?xml version=\"1.0\"?>\n<a/>\n", "text/xml"),
        taken("a.yaml", "a: 1\n", "application/yaml"),
        taken("a.yml", "a: 1\n", "application/yaml"),
        taken("a.toml", "a = 1\n", "text/x-toml"),
        taken("a.ini", "[a]\nb=1\n", "text/plain"),
        taken("a.xml", "<?xml version=\"1.0\"?>\n<a/>\n", "text/xml"),
        taken("a.xsd", "<?xml version=\"1.0\"?>\n<schema/>\n", "text/xml"),
        taken("a.rss", "<?xml version=\"1.0\"?>\n<rss/>\n", "application/rss+xml"),
        taken("a.gpx", "<?xml version=\"1.0\"?>\n<gpx/>\n", "application/gpx+xml"),
        taken(
            "a.kml",
            "<?xml version=\"1.0\"?>\n<kml/>\n",
            "application/vnd.google-earth.kml+xml",
        ),
        taken("a.css", "a { color: red }\n", "text/css"),
        taken("a.tsv", "a\tb\n1\t2\n", "text/tab-separated-values"),
        taken("a.sql", "select 1;\n", "application/x-sql"),
        taken("a.log", "2026-11-29 MZ started\n", "text/plain"),
        taken("a.c", "int main(void) { return 0; }\n", "text/plain"),
        taken("a.rs", "fn main() {}\n", "text/x-rust"),
        taken("a.go", "package main\n", "text/plain"),
        taken("a.java", "class A {}\n", "text/x-java"),
        taken("a.diff", "--- a\n+++ b\n", "text/plain"),
        taken("a.bib", "@book{a, title={b}}\n", "text/plain"),
        taken("a.proto", "syntax = \"proto3\";\n", "text/plain"),
        taken("Makefile", "all:\n\techo a\n", "text/plain"),
        taken("a.dot", "digraph { a -> b }\n", "text/plain"),
        taken("a.fasta", ">a\nACGT\n", "text/plain"),
        taken("a.ged", "0 HEAD\n1 SOUR a\n", "text/plain"),
        taken("zero.bin", b"a\0b", "application/octet-stream"),
    ]
}

fn mail() -> Vec<Sample> {
    let letter = "Received: from a\r\nFrom: a@example.org\r\nTo: b@example.org\r\nSubject: MZ\r\n\r\nHello\r\n";
    vec![
        taken("a.eml", letter, "message/rfc822"),
        taken(
            "a.mbox",
            format!("From a@example.org Sun Nov 29 00:00:00 2026\n{letter}"),
            "application/mbox",
        ),
        taken("a.mht", format!("MIME-Version: 1.0\r\n{letter}"), "message/rfc822"),
        taken(
            "a.pst",
            padded(b"!BDN\x12\x34\x56\x78SM\x17\0\x13\0\x01\x01", 64),
            "application/vnd.ms-outlook",
        ),
        taken("a.ics", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "text/calendar"),
        taken("a.vcf", "BEGIN:VCARD\r\nVERSION:4.0\r\n", "text/x-vcard"),
        taken(
            "smime.p7s",
            noise(
                b"\x30\x82\x04\x00\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02\xA0\x82",
                64,
            ),
            "application/pkcs7-signature",
        ),
    ]
}
