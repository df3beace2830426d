use crate::{Sample, compound, noise, refused, taken, zip};

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
const DOC: &str = "application/msword";
const XLS: &str = "application/vnd.ms-excel";
const PPT: &str = "application/vnd.ms-powerpoint";
const OLE: &str = "application/x-ole-storage";
const SUMMARY: &str = "\u{5}SummaryInformation";

pub(crate) fn samples() -> Vec<Sample> {
    [older(), packages(), open(), pages()].concat()
}

/// A compound file whose directory lies behind 20 kB of streams.
fn ole(names: &[&str]) -> Vec<u8> {
    compound([0; 16], names, 20_000)
}

fn older() -> Vec<Sample> {
    let word = ["Data", "1Table", SUMMARY, "WordDocument", "ObjectPool/Workbook"];
    let excel = [SUMMARY, "MBD0001/WordDocument", "Workbook"];
    let slides = ["Pictures", SUMMARY, "Current User", "PowerPoint Document"];
    let message = [
        "__recip_version1.0_#00000000/__properties_version1.0",
        "__properties_version1.0",
    ];
    let installer = ["\u{4840}\u{3f3f}\u{4577}\u{446c}\u{3e6a}", SUMMARY];
    let class = |start: [u8; 4]| {
        let mut class = [0, 0, 0, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46];
        class[..4].copy_from_slice(&start);
        class
    };
    vec![
        taken("report.doc", ole(&word), DOC),
        taken("small.doc", compound([0; 16], &word, 0), DOC),
        taken("large.doc", compound([0; 16], &word, 8_000_000), DOC),
        taken("report", ole(&word), DOC),
        taken("template.dot", ole(&word), DOC),
        taken("table.xls", ole(&excel), XLS),
        taken("small.xls", compound([0; 16], &["Workbook"], 0), XLS),
        taken("old.xls", ole(&["Book"]), XLS),
        taken("addin.xla", ole(&excel), XLS),
        taken("template.xlt", ole(&excel), XLS),
        taken("table.doc", ole(&excel), XLS),
        taken("table.bin", ole(&excel), XLS),
        taken("table.xlsx", ole(&excel), XLS),
        taken("slides.ppt", ole(&slides), PPT),
        taken("slides.pps", ole(&slides), PPT),
        taken("slides.pot", ole(&slides), PPT),
        taken("network.vsd", ole(&[SUMMARY, "VisioDocument"]), "application/vnd.visio"),
        taken("offer.msg", ole(&message), "application/vnd.ms-outlook"),
        taken(
            "flyer.pub",
            ole(&["Contents", "Quill/QuillSub", "Escher/EscherStm", "Quill"]),
            "application/x-mspublisher",
        ),
        taken(
            "plan.mpp",
            ole(&["Props14", "   114/TBkndTask"]),
            "application/vnd.ms-project",
        ),
        taken("letter.wps", ole(&["MatOST", "CONTENTS"]), "application/vnd.ms-works"),
        taken(
            "letter.hwp",
            ole(&["FileHeader", "DocInfo", "\u{5}HwpSummaryInformation"]),
            "application/x-hwp",
        ),
        taken(
            "letter.sdw",
            ole(&["StarWriterDocument"]),
            "application/vnd.stardivision.writer",
        ),
        taken("setup.msi", ole(&installer), "application/x-msi"),
        taken("setup", ole(&installer), "application/x-msi"),
        refused(
            "invoice.doc",
            compound(class([0x84, 0x10, 0x0C, 0]), &[SUMMARY], 9_000),
            "type_mismatch",
        ),
        refused("invoice.xlsx", ole(&installer), "type_mismatch"),
        refused("invoice.pdf", ole(&installer), "type_mismatch"),
        taken("class.doc", compound(class([0x06, 0x09, 0x02, 0]), &["A"], 9_000), DOC),
        taken("class.xls", compound(class([0x20, 0x08, 0x02, 0]), &["A"], 0), XLS),
        taken("encrypted.docx", ole(&["EncryptedPackage", "EncryptionInfo"]), DOCX),
        taken("encrypted", ole(&["EncryptedPackage", "EncryptionInfo"]), OLE),
        taken("Thumbs.db", ole(&["Catalog", "1", "2"]), OLE),
    ]
}

fn packages() -> Vec<Sample> {
    let types: (&str, &[u8]) = ("[Content_Types].xml", b"<?xml version=\"1.0\"?><Types/>");
    let rels: (&str, &[u8]) = ("_rels/.rels", b"<Relationships/>");
    let package = |main: &str| zip(&[types, rels, (main, b"<a/>"), ("docProps/app.xml", b"<a/>")]);
    let picture = noise("", 30_000);
    // Google's and other programs' order: what says it comes behind what is large.
    let late = |main: &str| zip(&[("docProps/thumbnail.jpeg", &picture), (main, b"<a/>"), types]);
    let jar = zip(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n"),
        ("Main.class", b"\xCA\xFE\xBA\xBE"),
    ]);
    let apk = zip(&[
        ("AndroidManifest.xml", b"\x03\0\x08\0"),
        ("res/a.png", &picture),
        ("classes.dex", b"dex\n035\0"),
    ]);
    vec![
        taken("a.docx", package("word/document.xml"), DOCX),
        taken("late.docx", late("word/document.xml"), DOCX),
        taken("docx", package("word/document.xml"), DOCX),
        taken("a.zip", package("word/document.xml"), DOCX),
        taken("photo.jpg", late("word/document.xml"), DOCX),
        taken(
            "a.docm",
            package("word/document.xml"),
            "application/vnd.ms-word.document.macroEnabled.12",
        ),
        taken(
            "a.dotx",
            package("word/document.xml"),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.template",
        ),
        taken("a.xlsx", package("xl/workbook.xml"), XLSX),
        taken("late.xlsx", late("xl/workbook.xml"), XLSX),
        taken(
            "a.xlsm",
            package("xl/workbook.xml"),
            "application/vnd.ms-excel.sheet.macroEnabled.12",
        ),
        taken(
            "a.xlsb",
            package("xl/workbook.bin"),
            "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
        ),
        taken("a.xls", package("xl/workbook.xml"), XLSX),
        taken("a.pptx", package("ppt/presentation.xml"), PPTX),
        taken("late", late("ppt/presentation.xml"), PPTX),
        taken(
            "a.ppsx",
            package("ppt/presentation.xml"),
            "application/vnd.openxmlformats-officedocument.presentationml.slideshow",
        ),
        taken(
            "a.vsdx",
            package("visio/document.xml"),
            "application/vnd.ms-visio.drawing.main+xml",
        ),
        taken("a.xps", package("FixedDocSeq.fdseq"), "application/vnd.ms-xpsdocument"),
        taken("a.3mf", package("3D/3dmodel.model"), "model/3mf"),
        taken("lib.jar", &jar, "application/java-archive"),
        taken("shop.war", &jar, "application/java-archive"),
        taken("lib.zip", &jar, "application/java-archive"),
        taken("lib", &jar, "application/java-archive"),
        refused("lib.docx", &jar, "type_mismatch"),
        refused("lib.png", &jar, "type_mismatch"),
        taken("app.apk", &apk, "application/vnd.android.package-archive"),
        refused("app.pdf", &apk, "type_mismatch"),
        taken(
            "lib.aar",
            zip(&[("AndroidManifest.xml", b"<m/>"), ("classes.jar", b"PK")]),
            "application/zip",
        ),
        taken(
            "tool.whl",
            zip(&[("tool/__init__.py", b""), ("tool-1.dist-info/METADATA", b"")]),
            "application/zip",
        ),
        taken(
            "deck.pages",
            zip(&[("Index/Document.iwa", b"\0"), ("preview.jpg", b"")]),
            "application/vnd.apple.pages",
        ),
        taken(
            "talk.key",
            zip(&[("Index/Document.iwa", b"\0")]),
            "application/vnd.apple.keynote",
        ),
        taken(
            "place.kmz",
            zip(&[("doc.kml", b"<kml/>")]),
            "application/vnd.google-earth.kmz",
        ),
        taken("comic.cbz", zip(&[("01.jpg", &picture)]), "application/x-cbr"),
        taken(
            "files.zip",
            zip(&[("a.txt", b"a"), ("word/a.txt", b"a"), ("b/META-INF/x", b"")]),
            "application/zip",
        ),
        taken("empty.zip", zip(&[]), "application/zip"),
    ]
}

fn open() -> Vec<Sample> {
    let open = |word: &'static str| {
        zip(&[
            ("mimetype", word.as_bytes()),
            ("content.xml", b"<a/>"),
            ("META-INF/manifest.xml", b""),
        ])
    };
    let same = |name, media: &'static str| taken(name, open(media), media);
    vec![
        same("a.odt", "application/vnd.oasis.opendocument.text"),
        same("a.ods", "application/vnd.oasis.opendocument.spreadsheet"),
        same("a.odp", "application/vnd.oasis.opendocument.presentation"),
        same("a.odg", "application/vnd.oasis.opendocument.graphics"),
        same("a.ott", "application/vnd.oasis.opendocument.text-template"),
        same("b.zip", "application/vnd.oasis.opendocument.spreadsheet"),
        same("a.epub", "application/epub+zip"),
        same("book", "application/epub+zip"),
        same("a.sxw", "application/vnd.sun.xml.writer"),
        same("a.kra", "application/x-krita"),
        same("a.ora", "image/openraster"),
        same("a.idml", "application/vnd.adobe.indesign-idml-package"),
    ]
}

fn pages() -> Vec<Sample> {
    let pdf = noise("%PDF-1.7\n%\u{e2}\u{e3}\n1 0 obj\n<</Length 900>>stream\n", 900);
    vec![
        taken("a.pdf", &pdf, "application/pdf"),
        taken("pdf", &pdf, "application/pdf"),
        taken("plain.pdf", "%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", "application/pdf"),
        taken(
            "latin.pdf",
            b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n1 0 obj\n",
            "application/pdf",
        ),
        taken("scan.jpg", &pdf, "application/pdf"),
        taken("a.ai", &pdf, "application/pdf"),
        taken("a.ps", "%!PS-Adobe-3.0\n%%Title: a\n", "application/postscript"),
        taken("a.eps", "%!PS-Adobe-3.0 EPSF-3.0\n", "application/postscript"),
        taken("a.rtf", r"{\rtf1\ansi Hello\par}", "application/rtf"),
        taken("rich.doc", r"{\rtf1\ansi Hello\par}", "application/rtf"),
        taken(
            "table.xls",
            "<html><table><tr><td>1</td></tr></table></html>",
            "text/html",
        ),
        taken("a.djvu", noise(b"AT&TFORM\0\0\x10\0DJVMDIRM", 64), "image/vnd.djvu"),
        taken(
            "a.mobi",
            noise([&[b'a'; 32][..], &[0; 28], b"BOOKMOBI"].concat(), 64),
            "application/x-mobipocket-ebook",
        ),
        taken(
            "a.fb2",
            "<?xml version=\"1.0\"?>\n<FictionBook><body/></FictionBook>",
            "text/xml",
        ),
        taken(
            "a.chm",
            noise(b"ITSF\x03\0\0\0\x60\0\0\0", 64),
            "application/vnd.ms-htmlhelp",
        ),
        taken("a.tex", "\\documentclass{article}\n", "application/x-tex"),
        taken(
            "a.wpd",
            noise(b"\xFFWPC\x10\0\0\0\x01\x0A\x02\x01", 64),
            "application/vnd.wordperfect",
        ),
        taken(
            "a.one",
            noise(b"\xE4\x52\x5C\x7B\x8C\xD8\xA7\x4D\xAE\xB1\x53\x78\xD0\x29\x96\xD3", 64),
            "application/onenote",
        ),
    ]
}
