use crate::{Sample, noise, padded, taken, zip};

pub(crate) fn samples() -> Vec<Sample> {
    [pictures(), sound(), video(), fonts()].concat()
}

fn pictures() -> Vec<Sample> {
    let png = noise(
        b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1F\x15\xC4\x89\0\0\0\rIDAT",
        40,
    );
    let jpeg = noise(b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0", 90);
    let bmp = padded(
        b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x18\0",
        70,
    );
    let targa = noise(b"\0\0\x02\0\0\0\0\0\0\0\0\0\x04\0\x04\0\x18\x20", 48);
    let mut pcx = padded(b"\x0A\x05\x01\x08\0\0\0\0\x03\0\x03\0\x48\0\x48\0", 140);
    pcx[65] = 3;
    let tiff = padded(b"II*\0\x08\0\0\0\x01\0\0\x01\x03\0\x01\0\0\0\x01\0\0\0", 60);
    let brand = |brand: &[u8]| noise([b"\0\0\0\x18ftyp", brand, b"\0\0\0\0mif1", brand].concat(), 64);
    vec![
        taken("a.png", &png, "image/png"),
        taken("a.jpg", &png, "image/png"),
        taken("png", &png, "image/png"),
        taken("a.jpeg", &jpeg, "image/jpeg"),
        taken("id_card.jpg", &jpeg, "image/jpeg"),
        taken(
            "a.gif",
            b"GIF89a\x01\0\x01\0\x80\0\0\xFF\xFF\xFF\0\0\0!\xF9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;",
            "image/gif",
        ),
        taken("a.bmp", &bmp, "image/bmp"),
        taken("id_card.bmp", &bmp, "image/bmp"),
        taken("a.tif", &tiff, "image/tiff"),
        taken("b.tiff", padded(b"MM\0*\0\0\0\x08\0\x01\x01\0\0\x03", 60), "image/tiff"),
        taken("a.webp", noise(b"RIFF\x40\0\0\0WEBPVP8L", 64), "image/webp"),
        taken(
            "a.ico",
            padded(b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0", 70),
            "image/vnd.microsoft.icon",
        ),
        taken(
            "a.cur",
            padded(b"\0\0\x02\0\x01\0\x20\x20\0\0\x07\0\x04\0\xA8\x10\0\0\x16\0\0\0", 70),
            "image/vnd.microsoft.icon",
        ),
        taken("a.tga", &targa, "image/x-tga"),
        taken("targa", &targa, "image/x-tga"),
        taken(
            "grey.tga",
            noise(b"\0\0\x0B\0\0\0\0\0\0\0\0\0\x04\0\x04\0\x08\0", 48),
            "image/x-tga",
        ),
        taken("a.pcx", &pcx, "image/x-pcx"),
        taken("a.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "image/svg+xml"),
        taken(
            "b.svg",
            "<?xml version=\"1.0\"?>\n<!-- made by hand -->\n<svg/>",
            "image/svg+xml",
        ),
        taken("svg", "<?xml version=\"1.0\"?>\n<svg/>", "image/svg+xml"),
        taken("a.svgz", noise(b"\x1F\x8B\x08\0\0\0\0\0\0\x03", 64), "image/svg+xml"),
        taken(
            "a.psd",
            padded(b"8BPS\0\x01\0\0\0\0\0\0\0\x03", 60),
            "image/vnd.adobe.photoshop",
        ),
        taken("a.heic", brand(b"heic"), "image/heic"),
        taken("a.avif", brand(b"avif"), "image/avif"),
        taken(
            "a.jxl",
            padded(b"\0\0\0\x0CJXL \r\n\x87\n\0\0\0\x14ftypjxl ", 60),
            "image/jxl",
        ),
        taken(
            "a.jp2",
            padded(b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", 60),
            "image/jp2",
        ),
        taken(
            "a.exr",
            padded(b"\x76\x2F\x31\x01\x02\0\0\0channels\0chlist\0", 60),
            "image/x-exr",
        ),
        taken("a.xcf", padded(b"gimp xcf v011\0", 60), "image/x-xcf"),
        taken("a.dds", padded(b"DDS \x7C\0\0\0", 128), "image/vnd.ms-dds"),
        taken("a.icns", padded(b"icns\0\0\x10\0", 60), "image/x-icns"),
        taken("a.qoi", padded(b"qoif\0\0\0\x01\0\0\0\x01\x04\0", 30), "image/x-qoi"),
        taken("a.wmf", padded(b"\xD7\xCD\xC6\x9A\0\0", 60), "image/wmf"),
        taken(
            "a.emf",
            padded([&b"\x01\0\0\0\x6C\0\0\0"[..], &[0; 32], b" EMF"].concat(), 108),
            "image/emf",
        ),
        taken("a.pbm", "P1\n# a comment\n2 2\n1 0\n0 1\n", "image/x-portable-bitmap"),
        taken("a.ppm", padded(b"P6\n2 2\n255\n\0\0\0", 30), "image/x-portable-pixmap"),
        taken("a.xpm", "/* XPM */\nstatic char *a[] = {};\n", "image/x-xpixmap"),
        taken("a.dng", &tiff, "image/x-adobe-dng"),
        taken(
            "a.dcm",
            padded([&[0; 128][..], b"DICM\x02\0\0\0UL"].concat(), 300),
            "application/dicom",
        ),
        taken(
            "a.fits",
            format!(
                "{:<80}{:<80}{:<80}",
                "SIMPLE  =                    T", "BITPIX  =                    8", "END"
            ),
            "image/fits",
        ),
    ]
}

fn sound() -> Vec<Sample> {
    let ogg = |codec: &[u8]| {
        padded(
            [b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\x1E", codec].concat(),
            80,
        )
    };
    let mp4 = |brand: &[u8]| padded([b"\0\0\0\x18ftyp", brand, b"\0\0\x02\0isom", brand].concat(), 64);
    vec![
        taken(
            "a.mp3",
            noise(b"ID3\x04\0\0\0\0\0\x0ATIT2\0\0\0\x02\0\0\0a", 64),
            "audio/mpeg",
        ),
        taken("frames.mp3", noise(b"\xFF\xFB\x90\x64\0\0\0\0", 400), "audio/mpeg"),
        taken("frames", noise(b"\xFF\xFB\x90\x64\0\0\0\0", 400), "audio/mpeg"),
        taken(
            "a.wav",
            padded(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0", 64),
            "audio/wav",
        ),
        taken("a.flac", padded(b"fLaC\0\0\0\x22\x10\0\x10\0", 64), "audio/flac"),
        taken("a.ogg", ogg(b"\x01vorbis\0\0\0\0\x02"), "audio/ogg"),
        taken("a.opus", ogg(b"OpusHead\x01\x02"), "audio/opus"),
        taken("a.m4a", mp4(b"M4A "), "audio/m4a"),
        taken("a.aac", noise(b"\xFF\xF1\x50\x80\x01\x1F\xFC\0", 60), "audio/aac"),
        taken("a.aiff", padded(b"FORM\0\0\0\x2EAIFFCOMM", 60), "audio/aiff"),
        taken("a.amr", padded(b"#!AMR\n\x3C\0", 60), "audio/amr"),
        taken(
            "a.mid",
            padded(b"MThd\0\0\0\x06\0\x01\0\x01\0\x60MTrk", 40),
            "audio/midi",
        ),
        taken("a.au", padded(b".snd\0\0\0\x18\0\0\0\0\0\0\0\x01", 40), "audio/basic"),
        taken("a.wv", padded(b"wvpk\x20\0\0\0\x10\x04", 40), "audio/wavpack"),
        taken("a.caf", padded(b"caff\0\x01\0\0desc", 40), "audio/x-caf"),
        taken("a.ape", padded(b"MAC \x96\x0F\0\0", 40), "audio/x-ape"),
        taken("list.m3u", "#EXTM3U\n#EXTINF:1,a\na.mp3\n", "audio/x-mpegurl"),
    ]
}

fn video() -> Vec<Sample> {
    let mp4 = |brand: &[u8]| padded([b"\0\0\0\x18ftyp", brand, b"\0\0\x02\0isom", brand].concat(), 64);
    let ebml = |kind: &[u8]| {
        padded(
            [
                b"\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\xF7\x81\x01\x42\xF2\x81\x04\x42\xF3\x81\x08\x42\x82",
                kind,
            ]
            .concat(),
            300,
        )
    };
    let asf = noise(
        b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\0\xAA\0\x62\xCE\x6C\x50\0\0\0\0\0\0\0",
        60,
    );
    let transport: Vec<u8> = (0..4).flat_map(|_| padded(b"\x47\x40\0\x10\0", 188)).collect();
    vec![
        taken("a.mp4", mp4(b"isom"), "video/mp4"),
        taken("b.mp4", mp4(b"mp42"), "video/mp4"),
        taken("a.m4v", mp4(b"M4V "), "video/x-m4v"),
        taken("a.mov", mp4(b"qt  "), "video/quicktime"),
        taken("a.3gp", mp4(b"3gp5"), "video/3gpp"),
        taken("a.mkv", ebml(b"\x88matroska"), "video/x-matroska"),
        taken("a.mka", ebml(b"\x88matroska"), "audio/x-matroska"),
        taken("a.webm", ebml(b"\x84webm"), "video/webm"),
        taken("a.avi", padded(b"RIFF\x40\0\0\0AVI LIST", 64), "video/x-msvideo"),
        taken("a.wmv", &asf, "video/x-ms-wmv"),
        taken("a.wma", &asf, "audio/x-ms-wma"),
        taken("a.flv", padded(b"FLV\x01\x05\0\0\0\x09", 40), "video/x-flv"),
        taken("a.mpg", noise(b"\0\0\x01\xBA\x44\0\x04\0", 60), "video/mpeg"),
        taken("a.m2ts", &transport, "video/mp2t"),
        taken("movie.ts", &transport, "video/mp2t"),
        taken(
            "a.mxf",
            padded(b"\x06\x0E\x2B\x34\x02\x05\x01\x01\x0D\x01\x02\x01\x01\x02", 60),
            "application/mxf",
        ),
        taken(
            "a.rm",
            padded(b".RMF\0\0\0\x12\0\0", 40),
            "application/vnd.rn-realmedia",
        ),
        taken(
            "list.m3u8",
            "#EXTM3U\n#EXT-X-VERSION:3\n",
            "application/vnd.apple.mpegurl",
        ),
        taken(
            "a.srt",
            "1\n00:00:01,000 --> 00:00:02,000\nHello\n",
            "application/x-subrip",
        ),
        taken("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n", "text/vtt"),
        taken("a.sb3", zip(&[("project.json", b"{}")]), "application/zip"),
    ]
}

fn fonts() -> Vec<Sample> {
    vec![
        taken("a.ttf", padded(b"\0\x01\0\0\0\x0C\0\x80\0\x03\0\x40", 60), "font/ttf"),
        taken("a.otf", padded(b"OTTO\0\x0B\0\x80\0\x03\0\x30", 60), "font/otf"),
        taken("a.ttc", padded(b"ttcf\0\x01\0\0\0\0\0\x02", 60), "font/collection"),
        taken("a.woff", padded(b"wOFF\0\x01\0\0\0\0\x10\0", 60), "font/woff"),
        taken("a.woff2", padded(b"wOF2\0\x01\0\0\0\0\x10\0", 60), "font/woff2"),
        taken("a.bdf", "STARTFONT 2.1\nFONT a\n", "application/x-font-bdf"),
    ]
}
