use crate::{Sample, noise, padded, taken, zip};

pub(crate) fn samples() -> Vec<Sample> {
    [archives(), tables()].concat()
}

fn archives() -> Vec<Sample> {
    let gzip = noise(b"\x1F\x8B\x08\0\0\0\0\0\0\x03", 64);
    let mut tar = padded(b"MZ.txt", 512);
    tar[257..265].copy_from_slice(b"ustar\x0000");
    vec![
        taken("a.tar", &tar, "application/x-tar"),
        taken("a.gz", &gzip, "application/gzip"),
        taken("a.tar.gz", &gzip, "application/gzip"),
        taken("a.tgz", &gzip, "application/x-compressed"),
        taken("gzip", &gzip, "application/gzip"),
        taken("a.bz2", noise(b"BZh91AY&SY", 64), "application/x-bzip2"),
        taken("a.xz", noise(b"\xFD7zXZ\0\0\x04", 64), "application/x-xz"),
        taken("a.zst", noise(b"\x28\xB5\x2F\xFD\x04\0", 64), "application/zstd"),
        taken("a.lz4", noise(b"\x04\x22\x4D\x18\x64\x40\xA7", 64), "application/x-lz4"),
        taken(
            "a.7z",
            noise(b"7z\xBC\xAF\x27\x1C\0\x04", 64),
            "application/x-7z-compressed",
        ),
        taken("a.rar", noise(b"Rar!\x1A\x07\x01\0", 64), "application/vnd.rar"),
        taken(
            "a.cab",
            padded(b"MSCF\0\0\0\0\x40\0\0\0", 64),
            "application/vnd.ms-cab-compressed",
        ),
        taken("a.rpm", padded(b"\xED\xAB\xEE\xDB\x03\0\0\0", 96), "application/x-rpm"),
        taken(
            "a.deb",
            padded(
                b"!<arch>\ndebian-binary   1700000000  0     0     100644  4         `\n2.0\n",
                200,
            ),
            "application/vnd.debian.binary-package",
        ),
        taken(
            "lib.a",
            noise(
                b"!<arch>\na.o/            0           0     0     644     8         `\n\0",
                64,
            ),
            "application/x-unix-archive",
        ),
        taken("a.cpio", padded(b"070701\x30\x30\0", 110), "application/x-cpio"),
        taken(
            "a.lzh",
            noise(b"\x20\x10-lh5-\x10\0\0\0", 64),
            "application/x-lzh-compressed",
        ),
        taken("a.squashfs", padded(b"hsqs\x07\0\0\0", 96), "application/x-squashfs"),
        taken("a.qcow2", padded(b"QFI\xFB\0\0\0\x03", 72), "application/x-qemu-disk"),
        taken(
            "a.torrent",
            noise("d8:announce20:http://tracker.exa4:infod6:pieces400:\0", 400),
            "application/x-bittorrent",
        ),
    ]
}

fn tables() -> Vec<Sample> {
    vec![
        taken(
            "a.parquet",
            noise(b"PAR1\x15\x04\x15\0", 64),
            "application/vnd.apache.parquet",
        ),
        taken(
            "a.avro",
            noise(b"Obj\x01\x04\x16avro.schema\0", 64),
            "application/vnd.apache.avro",
        ),
        taken(
            "a.arrow",
            padded(b"ARROW1\0\0\xFF\xFF\xFF\xFF", 64),
            "application/vnd.apache.arrow.file",
        ),
        taken(
            "a.feather",
            padded(b"FEA1\0\0\0\0", 64),
            "application/vnd.apache.arrow.file",
        ),
        taken("a.orc", noise(b"ORC\x0A\x03\0", 64), "application/vnd.apache.orc"),
        taken(
            "a.sqlite",
            padded(b"SQLite format 3\0\x10\0\x01\x01", 100),
            "application/vnd.sqlite3",
        ),
        taken(
            "a.db",
            padded(b"SQLite format 3\0\x10\0\x01\x01", 100),
            "application/vnd.sqlite3",
        ),
        taken(
            "a.npy",
            padded(b"\x93NUMPY\x01\0\x76\0{'descr': '<f8'}", 128),
            "application/x-npy",
        ),
        taken("a.npz", zip(&[("x.npy", b"\x93NUMPY\x01\0")]), "application/zip"),
        taken("a.h5", padded(b"\x89HDF\r\n\x1A\n\0\0\0\0", 96), "application/x-hdf5"),
        taken("a.nc", padded(b"CDF\x01\0\0\0\0", 64), "application/x-netcdf"),
        taken("b.nc", padded(b"\x89HDF\r\n\x1A\n\0\0\0\0", 96), "application/x-netcdf"),
        taken(
            "a.mat",
            padded(
                format!("{:<124}\0\x01IM", "MATLAB 5.0 MAT-file, Platform: GLNXA64"),
                200,
            ),
            "application/x-matlab-data",
        ),
        taken("a.gguf", padded(b"GGUF\x03\0\0\0\0\0", 64), "application/x-gguf"),
        taken(
            "a.safetensors",
            [&b"\x10\0\0\0\0\0\0\0"[..], b"{\"a\":{}}        "].concat(),
            "application/octet-stream",
        ),
        taken(
            "a.pt",
            zip(&[("archive/data.pkl", b"\x80\x02"), ("archive/version", b"3")]),
            "application/zip",
        ),
        taken(
            "a.pkl",
            b"\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94.",
            "application/octet-stream",
        ),
        taken(
            "a.pcap",
            padded(b"\xD4\xC3\xB2\xA1\x02\0\x04\0", 40),
            "application/vnd.tcpdump.pcap",
        ),
        taken(
            "a.pcapng",
            padded(b"\x0A\x0D\x0D\x0A\x1C\0\0\0\x4D\x3C\x2B\x1A", 40),
            "application/x-pcapng",
        ),
        taken(
            "a.mdb",
            padded(b"\0\x01\0\0Standard Jet DB\0", 64),
            "application/x-msaccess",
        ),
        taken(
            "a.accdb",
            padded(b"\0\x01\0\0Standard ACE DB\0", 64),
            "application/x-msaccess",
        ),
        taken(
            "a.shp",
            padded(b"\0\0\x27\x0A\0\0\0\0", 100),
            "application/x-esri-shape",
        ),
        taken("a.rds", noise(b"\x1F\x8B\x08\0\0\0\0\0\0\x03", 64), "application/gzip"),
        taken("a.zlib", noise(b"\x78\x01", 64), "application/octet-stream"),
        taken(
            "a.dat",
            noise(b"\x30\x82\x01\x02\x02\x01\x05", 64),
            "application/octet-stream",
        ),
        taken("values.bin", noise(b"\0\x02", 64), "application/octet-stream"),
        taken(
            "sheet.wk1",
            padded(b"\0\0\x02\0\x06\x04\x06\0\x08", 64),
            "application/octet-stream",
        ),
        taken(
            "icons.bin",
            noise(b"\0\0\x02\0\x2A\x7F", 64),
            "application/octet-stream",
        ),
        taken(
            "icon.bin",
            noise(b"\0\0\x01\0\x01\0\x10\x10\0\x07", 64),
            "application/octet-stream",
        ),
        taken("bm.bin", noise(b"BM\x01", 64), "application/octet-stream"),
        taken("pcx.bin", noise(b"\x0A\x05\x01\x07", 128), "application/octet-stream"),
        taken("aac.bin", noise(b"\xFF\xF1\xFF\0\0\0", 64), "application/octet-stream"),
        taken("compress.bin", noise(b"\x1F\x9D\0", 64), "application/octet-stream"),
        taken("bz.bin", noise(b"BZh\0", 64), "application/octet-stream"),
        taken("basic.bin", noise(b"\x01\x08\0", 64), "application/octet-stream"),
        taken("swf.bin", noise(b"CWS\xF0", 64), "application/octet-stream"),
        taken("jpeg.bin", noise(b"\xFF\xD8\xFF\0", 64), "application/octet-stream"),
        taken("p6.bin", noise(b"P6\n\0\xFF", 64), "application/octet-stream"),
        taken(
            "app.aab",
            zip(&[("BundleConfig.pb", b"\0"), ("base/manifest/AndroidManifest.xml", b"\0")]),
            "application/zip",
        ),
        taken(
            "letter.pages",
            zip(&[("Index/Document.iwa", b"\0")]),
            "application/vnd.apple.pages",
        ),
        taken(
            "sums.numbers",
            zip(&[("Index/Document.iwa", b"\0")]),
            "application/vnd.apple.numbers",
        ),
        taken("values.csv", padded(b"MZ;1;2\r\n\xE9", 64), "application/octet-stream"),
    ]
}
