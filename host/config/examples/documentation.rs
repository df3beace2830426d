//! Prints the reference: `cargo run -p loadlock-config --example documentation > docs/configuration.md`.

fn main() {
    print!("{}", loadlock_config::documentation());
}
