//! Draws the pictures of the documentation anew: `cargo run --package loadlock-docs`.

fn main() -> std::io::Result<()> {
    let folder = loadlock_docs::root().join("docs/explanation");
    let source = std::fs::read_to_string(folder.join("road.txt"))?;
    std::fs::write(folder.join("road.svg"), loadlock_docs::road::drawn(&source))
}
