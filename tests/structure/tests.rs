//! The bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::graph::graph;
use crate::measure::{functions, long_lines, members, types};
use crate::source::{Source, crates, sources};

/// Files in the largest import circle.
const CIRCLE: usize = 2;
/// Crates that are not there yet, and how large a circle they have at most. These numbers only ever go down.
const CIRCLES_LEFT: &[(&str, usize)] = &[];
/// Lines of the longest function.
const FUNCTION: usize = 80;
/// Files with a function that is longer still, and how long it is at most. These numbers only ever go down.
const FUNCTIONS_LEFT: &[(&str, usize)] = &[];
/// Of all type names, those that are defined in more than one file, in percent..
const DEFINED_TWICE: f64 = 8.0;
/// Characters of the longest line.
const LINE: usize = 120;
/// Lines that are longer all the same: in macros, which the formatter leaves alone. This number only ever goes down.
const LONG_LINES_LEFT: usize = 20;
/// Parts of an open gateway.
const PARTS: usize = 12;

struct Measured {
    folder: PathBuf,
    sources: Vec<Source>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn all() -> Vec<Measured> {
    let root = root();
    crates(&root)
        .into_iter()
        .map(|folder| Measured {
            sources: sources(&root, &folder),
            folder: folder.strip_prefix(&root).unwrap().to_owned(),
        })
        .collect()
}

/// The circles of a crate: each file of one, and which others of it that file imports.
fn circles(one: &Measured) -> Vec<Vec<String>> {
    let graph = graph(&one.sources, &one.folder);
    let name = |file: &usize| one.sources[*file].path.display().to_string();
    let line = |file: &usize, circle: &[usize]| {
        let imports = circle.iter().filter(|other| graph.edges[*file].contains(other));
        format!("{} → {}", name(file), imports.map(name).collect::<Vec<_>>().join(", "))
    };
    let circles = graph.circles();
    circles
        .iter()
        .map(|circle| circle.iter().map(|file| line(file, circle)).collect())
        .collect()
}

fn long_functions(one: &Measured) -> Vec<String> {
    let mut long = Vec::new();
    for source in &one.sources {
        let left = FUNCTIONS_LEFT.iter().find(|(path, _)| source.path == Path::new(path));
        let most = left.map_or(FUNCTION, |(_, most)| *most);
        for function in functions(source).into_iter().filter(|function| function.lines > most) {
            let (path, line) = (source.path.display(), function.line);
            long.push(format!(
                "{path}:{line}: `{}` has {} lines",
                function.name, function.lines
            ));
        }
    }
    long
}

/// Type names of all of `host`, and the files that define each.
fn type_names(all: &[Measured]) -> BTreeMap<String, BTreeSet<PathBuf>> {
    let mut names: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
    for source in all.iter().flat_map(|one| &one.sources) {
        for name in types(source) {
            names.entry(name).or_default().insert(source.path.clone());
        }
    }
    names
}

#[test]
fn no_circle_of_imports_is_larger_than_a_pair() {
    println!(
        "{:<18} {:>5} {:>7} {:>14} {:>8}",
        "crate", "files", "lines", "largest circle", "longest"
    );
    let mut large = Vec::new();
    for one in all() {
        let circles = circles(&one);
        let lines: usize = one.sources.iter().map(|source| source.text.lines().count()).sum();
        let longest = one
            .sources
            .iter()
            .flat_map(functions)
            .map(|function| function.lines)
            .max();
        println!(
            "{:<18} {:>5} {lines:>7} {:>14} {:>8}",
            one.folder.display(),
            one.sources.len(),
            circles.first().map_or(1, Vec::len),
            longest.unwrap_or_default(),
        );
        let left = CIRCLES_LEFT.iter().find(|(folder, _)| one.folder == Path::new(folder));
        let most = left.map_or(CIRCLE, |(_, most)| *most);
        large.extend(circles.into_iter().filter(|circle| circle.len() > most));
    }
    assert!(large.is_empty(), "files that import each other:\n{large:#?}");
}

#[test]
fn no_function_is_too_long() {
    let long: Vec<String> = all().iter().flat_map(long_functions).collect();
    assert!(long.is_empty(), "more than {FUNCTION} lines:\n{long:#?}");
}

#[test]
fn few_type_names_are_defined_twice() {
    let names = type_names(&all());
    let twice: Vec<_> = names.iter().filter(|(_, files)| files.len() > 1).collect();
    let share = 100.0 * twice.len() as f64 / names.len() as f64;
    println!(
        "type names: {}, defined in more than one file: {} ({share:.1} %)",
        names.len(),
        twice.len()
    );
    let list: Vec<String> = twice.iter().map(|(name, files)| format!("{name}: {files:?}")).collect();
    assert!(
        share < DEFINED_TWICE,
        "{share:.1} % are defined in more than one file:\n{list:#?}"
    );
}

#[test]
fn no_line_is_too_long() {
    let mut long = Vec::new();
    for source in all().iter().flat_map(|one| &one.sources) {
        for line in long_lines(source, LINE) {
            long.push(format!("{}:{line}", source.path.display()));
        }
    }
    println!("lines of more than {LINE} characters: {}", long.len());
    assert!(long.len() <= LONG_LINES_LEFT, "more than {LINE} characters:\n{long:#?}");
}

#[test]
fn the_state_of_a_gateway_knows_no_operation() {
    let all = all();
    let gateway = all.iter().find(|one| one.folder == Path::new("host/gateway")).unwrap();
    let state = |source: &Source| source.path.starts_with("host/gateway/src/state");
    let parts = gateway
        .sources
        .iter()
        .filter(|source| state(source))
        .find_map(|source| members(source, "GatewayState"));
    println!("parts of a gateway: {}", parts.unwrap());
    assert!(parts.unwrap() <= PARTS);
    let operations = ["api", "upload", "recovery", "maintenance", "open.rs"];
    let edges = graph(&gateway.sources, &gateway.folder).edges;
    for (from, source) in gateway.sources.iter().enumerate().filter(|(_, source)| state(source)) {
        for to in &edges[from] {
            let beneath = gateway.sources[*to].path.strip_prefix("host/gateway/src").unwrap();
            let operation = operations.iter().any(|operation| beneath.starts_with(operation));
            assert!(!operation, "{} imports {}", source.path.display(), beneath.display());
        }
    }
}

#[test]
fn what_is_not_code_does_not_count() {
    let text = "fn a() { \"{\"; '{'; 'x'; /* { */ } // {\nstruct S<'a>(&'a str);\nlet r = r#\"\"{\"#;\n";
    let code = crate::source::blank(text);
    assert_eq!(code.matches('{').count(), 1);
    assert_eq!(code.matches('}').count(), 1);
    assert!(code.contains("struct S<'a>(&'a str);"));
}
