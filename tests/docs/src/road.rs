//! The road of an upload as SVG, from lines of `who | what | in one line`.

use std::fmt::Write;

const WIDTH: usize = 820;
const STEP: usize = 46;
const BOX: usize = 30;

/// The picture. Lines that begin with `#` are comments.
pub fn drawn(source: &str) -> String {
    let steps: Vec<[&str; 3]> = source
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut parts = line.splitn(3, '|').map(str::trim);
            Some([parts.next()?, parts.next()?, parts.next()?])
        })
        .collect();
    let height = STEP * steps.len() + 40;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"14\" role=\"img\" aria-label=\"The road of an upload\">\n<title>The road of an upload</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (number, [who, what, note]) in steps.iter().enumerate() {
        let y = 10 + number * STEP;
        let (fill, stroke) = match *who {
            "guest" => ("#e7e0f7", "#6b4fb3"),
            "world" => ("#fff3d6", "#b07d12"),
            _ => ("#dff0ea", "#2a7f62"),
        };
        if number > 0 {
            let (from, to) = (y + BOX - STEP, y);
            // Writing to a string does not fail.
            let _ = writeln!(
                svg,
                "<path d=\"M100 {from} V{to} m-4 -6 l4 6 l4 -6\" fill=\"none\" stroke=\"#555\"/>"
            );
        }
        let text = y + 20;
        let _ = writeln!(
            svg,
            "<rect x=\"20\" y=\"{y}\" width=\"160\" height=\"{BOX}\" rx=\"6\" fill=\"{fill}\" stroke=\"{stroke}\"/>\
             <text x=\"100\" y=\"{text}\" text-anchor=\"middle\">{what}</text>\
             <text x=\"200\" y=\"{text}\" fill=\"#333\">{note}</text>"
        );
    }
    let y = height - 14;
    let _ = write!(
        svg,
        "<text x=\"20\" y=\"{y}\" font-size=\"12\" fill=\"#555\">violet: a WebAssembly component that can be swapped; \
         green: the host; yellow: the world</text>\n</svg>\n"
    );
    svg
}
