//! The author's guide shows a whole provider; it must be the one that compiles.

#[test]
fn the_guide_shows_the_example_that_compiles() {
    let guide = include_str!("../../../docs/how-to/writing-a-provider.md");
    let example = include_str!("../examples/minimal.rs");
    let whole = guide.split("## A whole provider").nth(1);
    let shown = whole.and_then(|rest| rest.split("```rust\n").nth(1)?.split("```").next());
    assert_eq!(
        shown,
        Some(example),
        "copy examples/minimal.rs into the guide's `A whole provider`"
    );
}

#[test]
fn a_provider_is_under_150_lines() {
    let lines = include_str!("../examples/minimal.rs").lines().count();
    assert!(lines < 150, "{lines} lines");
}
