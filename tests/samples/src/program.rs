use crate::{Sample, noise, padded, refused, taken};

pub(crate) fn samples() -> Vec<Sample> {
    let mut exe = padded(b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xFF\xFF\0\0\xB8\0\0\0\0\0\0\0\x40", 512);
    exe[60] = 0x80;
    exe[128..132].copy_from_slice(b"PE\0\0");
    let mut odd = padded(b"MZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 512);
    odd[60..64].copy_from_slice(&[0x80, 0, 0, 0]);
    odd[128..132].copy_from_slice(b"PE\0\0");
    let elf = padded(b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3E\0\x01\0\0\0", 64);
    let mach = padded(b"\xCF\xFA\xED\xFE\x07\0\0\x01\x03\0\0\0\x02\0\0\0", 64);
    let wasm = padded(b"\0asm\x01\0\0\0", 16);
    let class = padded(b"\xCA\xFE\xBA\xBE\0\0\0\x41\0\x10", 64);
    let dex = padded(b"dex\n035\0\x12\x34\x56\x78", 112);
    let pe = "application/vnd.microsoft.portable-executable";
    vec![
        taken("a.exe", &exe, pe),
        taken("a", &exe, pe),
        taken("a.dll", &exe, "application/x-msdownload"),
        taken("a.scr", &exe, "application/x-msdownload"),
        taken("a.xll", &exe, "application/x-msdownload"),
        taken("a.sys", &exe, pe),
        taken("a.cpl", &exe, pe),
        taken("font.fon", &exe, pe),
        taken("tool", &elf, "application/x-executable"),
        taken("lib.so", &elf, "application/x-executable"),
        taken("lib.so.1", &elf, "application/x-executable"),
        taken("linux.mod", &elf, "application/x-executable"),
        taken("driver.ko", &elf, "application/x-executable"),
        taken("a.dylib", &mach, "application/x-mach-binary"),
        taken("a.wasm", &wasm, "application/wasm"),
        taken("A.class", &class, "application/x-java-applet"),
        taken("classes.dex", &dex, "application/vnd.android.dex"),
        taken(
            "a.swf",
            noise(b"CWS\x0A\0\x10\0\0", 64),
            "application/x-shockwave-flash",
        ),
        taken("a.o", padded(b"\x64\x86\x03\0\0\0\0\0", 64), "application/octet-stream"),
        taken(
            "a.lnk",
            padded(b"\x4C\0\0\0\x01\x14\x02\0\0\0\0\0\xC0\0\0\0\0\0\0\x46", 96),
            "application/x-ms-shortcut",
        ),
        refused("a.pdf", &exe, "type_mismatch"),
        refused("a.txt", &exe, "type_mismatch"),
        refused("a.csv", &exe, "type_mismatch"),
        refused("a.jpg", &exe, "type_mismatch"),
        refused("a.docx", &exe, "type_mismatch"),
        refused("a.xls", &exe, "type_mismatch"),
        refused("a.zip", &exe, "type_mismatch"),
        refused("a.tcl", &exe, "type_mismatch"),
        refused("odd.csv", &odd, "type_mismatch"),
        refused("odd.pdf", &odd, "type_mismatch"),
        refused("a.mp3", &elf, "type_mismatch"),
        refused("a.json", &elf, "type_mismatch"),
        refused("b.pdf", &mach, "type_mismatch"),
        refused("a.png", &wasm, "type_mismatch"),
        refused("b.jpg", &class, "type_mismatch"),
        refused("c.pdf", &dex, "type_mismatch"),
    ]
}
