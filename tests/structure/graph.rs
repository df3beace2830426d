//! Which file of a crate imports which, and the circles among them.
//!
//! A path counts for the file that defines what it names: re-exports are followed, and are no imports themselves unless
//! the file also uses the name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::source::Source;

type Module = Vec<String>;

/// Files of one crate, and the indices of those that each imports.
pub(crate) struct Graph {
    pub(crate) edges: Vec<BTreeSet<usize>>,
}

struct Modules {
    by_module: BTreeMap<Module, usize>,
    /// Of each file: name → the path that it is a name for.
    exports: Vec<BTreeMap<String, Module>>,
}

pub(crate) fn graph(sources: &[Source], folder: &Path) -> Graph {
    let mut by_module = BTreeMap::new();
    for (index, source) in sources.iter().enumerate() {
        by_module.insert(module(&source.path, folder), index);
    }
    let mut modules = Modules {
        by_module,
        exports: vec![BTreeMap::new(); sources.len()],
    };
    let mut uses = Vec::new();
    for (own, index) in modules.by_module.clone() {
        let mut imports = Vec::new();
        let body = without_imports(&sources[index].code);
        for (public, path, name) in statements(&sources[index].code) {
            let Some(path) = modules.absolute(&own, &path) else {
                continue;
            };
            if public {
                modules.exports[index].insert(name.clone(), path.clone());
            }
            if !public || words(&body).any(|word| word == name) {
                imports.push(path);
            }
        }
        imports.extend(inline(&body).filter_map(|path| modules.absolute(&own, &path)));
        uses.push((index, imports));
    }
    let mut edges = vec![BTreeSet::new(); sources.len()];
    for (index, imports) in uses {
        for path in imports {
            if let Some(file) = modules.file_of(&path, 0)
                && file != index
            {
                edges[index].insert(file);
            }
        }
    }
    Graph { edges }
}

/// The module of a file.
fn module(path: &Path, folder: &Path) -> Module {
    let beneath = path.strip_prefix(folder.join("src")).unwrap().with_extension("");
    let mut module: Module = beneath
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

impl Modules {
    /// A path as it is written in module `own`, from the root of the crate; `None` if it is another crate's.
    fn absolute(&self, own: &Module, path: &[String]) -> Option<Module> {
        let mut base = own.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            first => {
                let mut child = own.clone();
                child.push(first.to_owned());
                if !self.by_module.contains_key(&child) {
                    return None;
                }
            }
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// The file that defines what a path names.
    fn file_of(&self, path: &[String], depth: usize) -> Option<usize> {
        let length = (0..=path.len())
            .rev()
            .find(|length| self.by_module.contains_key(&path[..*length]))?;
        let file = *self.by_module.get(&path[..length])?;
        let exported = path.get(length).and_then(|name| self.exports[file].get(name));
        match exported {
            Some(target) if depth < 8 => {
                let mut target = target.clone();
                target.extend(path[length + 1..].iter().cloned());
                self.file_of(&target, depth + 1).or(Some(file))
            }
            _ => Some(file),
        }
    }
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// Every `use`, one for each name: whether it re-exports, the path, and the name that it gives.
fn statements(code: &str) -> Vec<(bool, Module, String)> {
    let mut found = Vec::new();
    let mut statement = String::new();
    for part in code.split_inclusive([';', '{', '}']) {
        statement.push_str(part);
        let trimmed = statement.trim_start();
        let after = without_visibility(trimmed);
        if let Some(tree) = after.strip_prefix("use ") {
            if part.ends_with(';') {
                let public = trimmed.len() != after.len();
                expand(tree.trim_end_matches(';').trim(), &[], &mut |path, name| {
                    found.push((public, path, name));
                });
                statement.clear();
            }
        } else {
            statement.clear();
        }
    }
    found
}

/// The code without `use` and without declarations of modules.
fn without_imports(code: &str) -> String {
    let mut body = String::new();
    let mut statement = String::new();
    for part in code.split_inclusive([';', '{', '}']) {
        statement.push_str(part);
        let after = without_visibility(statement.trim_start());
        let import = after.starts_with("use ");
        if import && !part.ends_with(';') {
            continue;
        }
        let declaration = after.starts_with("mod ") && part.ends_with(';');
        if !import && !declaration {
            body.push_str(&statement);
        }
        statement.clear();
    }
    body
}

fn without_visibility(statement: &str) -> &str {
    let mut rest = statement;
    while rest.starts_with("#[") {
        rest = rest[rest.find(']').map_or(rest.len(), |at| at + 1)..].trim_start();
    }
    for visibility in ["pub(crate) ", "pub(super) ", "pub "] {
        if let Some(after) = rest.strip_prefix(visibility) {
            return after;
        }
    }
    rest
}

fn expand(tree: &str, prefix: &[String], take: &mut impl FnMut(Module, String)) {
    let Some(brace) = tree.find('{') else {
        let (path, alias) = tree
            .split_once(" as ")
            .map_or((tree, None), |(path, alias)| (path, Some(alias)));
        let mut full = prefix.to_vec();
        full.extend(
            path.split("::")
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty()),
        );
        let itself = full.len() > 1 && full.last().is_some_and(|last| last == "self" || last == "*");
        if itself {
            full.pop();
        }
        let name = alias.map_or_else(
            || full.last().cloned().unwrap_or_default(),
            |alias| alias.trim().to_owned(),
        );
        take(full, name);
        return;
    };
    let mut full = prefix.to_vec();
    full.extend(
        tree[..brace]
            .split("::")
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty()),
    );
    let inner = &tree[brace + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut begin) = (0, 0);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                expand_part(&inner[begin..at], &full, take);
                begin = at + 1;
            }
            _ => {}
        }
    }
    expand_part(&inner[begin..], &full, take);
}

fn expand_part(part: &str, prefix: &[String], take: &mut impl FnMut(Module, String)) {
    if !part.trim().is_empty() {
        expand(part.trim(), prefix, take);
    }
}

/// Paths that stand in the code itself.
fn inline(code: &str) -> impl Iterator<Item = Module> {
    let path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.split(move |c| !path(c))
        .filter(|text| text.contains("::"))
        .map(|text| {
            text.split("::")
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect::<Module>()
        })
        .filter(|path| path.len() > 1)
}

impl Graph {
    /// Every circle of more than one file, the largest first.
    pub(crate) fn circles(&self) -> Vec<Vec<usize>> {
        let reach: Vec<BTreeSet<usize>> = (0..self.edges.len()).map(|from| self.reachable(from)).collect();
        let mut circles: Vec<Vec<usize>> = Vec::new();
        let mut seen = BTreeSet::new();
        for file in 0..self.edges.len() {
            let circle: Vec<usize> = reach[file]
                .iter()
                .copied()
                .filter(|other| reach[*other].contains(&file))
                .collect();
            if circle.len() > 1 && seen.insert(circle.clone()) {
                circles.push(circle);
            }
        }
        circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
        circles
    }

    fn reachable(&self, from: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for next in &self.edges[file] {
                if found.insert(*next) {
                    open.push(*next);
                }
            }
        }
        found
    }
}
