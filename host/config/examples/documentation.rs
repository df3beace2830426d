//! Prints the reference: `cargo run -p loadlock-config --example documentation > docs/reference/configuration.md`.

fn main() {
    print!("{}", loadlock_config::documentation());
}
