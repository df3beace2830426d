//! What the pages say is there: links lead somewhere, and pictures are those of their sources.
#![allow(clippy::unwrap_used)]

use loadlock_docs::{links, pages, road, root};

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links::local(&text) {
            let (path, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
            let target = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            let there = target.exists()
                && (anchor.is_empty()
                    || target.extension().is_none_or(|extension| extension != "md")
                    || links::anchors(&std::fs::read_to_string(&target).unwrap())
                        .iter()
                        .any(|one| one == anchor));
            if !there {
                let page = page.strip_prefix(root()).unwrap();
                broken.push(format!("{}:{}: {}", page.display(), link.line, link.target));
            }
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_page_is_in_the_index() {
    let index = std::fs::read_to_string(root().join("docs/index.md")).unwrap();
    let linked: Vec<_> = links::local(&index).into_iter().map(|link| link.target).collect();
    let docs = root().join("docs");
    let missing: Vec<_> = pages()
        .into_iter()
        .filter_map(|page| Some(page.strip_prefix(&docs).ok()?.to_str()?.to_owned()))
        .filter(|page| page != "index.md" && !linked.contains(page))
        .collect();
    assert!(missing.is_empty(), "docs/index.md does not name {missing:?}");
}

#[test]
fn the_picture_of_the_road_is_that_of_its_source() {
    let folder = root().join("docs/explanation");
    let source = std::fs::read_to_string(folder.join("road.txt")).unwrap();
    let picture = std::fs::read_to_string(folder.join("road.svg")).unwrap();
    assert!(
        picture == road::drawn(&source),
        "docs/explanation/road.svg is not of road.txt: `cargo run --package loadlock-docs`"
    );
}

#[test]
fn the_readme_is_short() {
    let lines = std::fs::read_to_string(root().join("README.md"))
        .unwrap()
        .lines()
        .count();
    assert!(lines <= 120, "README.md has {lines} lines; at most 120");
}

/// A public report is kept by a test only while that test exists.
#[test]
fn every_test_that_keeps_a_report_exists() {
    let tests = sources(&root().join("tests"));
    let page = std::fs::read_to_string(root().join("docs/reference/reports.md")).unwrap();
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("| kept by |"));
    let kept_by: Vec<&str> = rows
        .filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next())
        .collect();
    assert!(kept_by.len() > 30, "only {} reports were found", kept_by.len());
    let names = kept_by.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let missing: Vec<&str> = names
        .map(|name| name.rsplit("::").next().unwrap_or_default())
        .filter(|name| name.contains('_') && !name.contains('/') && !tests.contains(&format!("fn {name}(")))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/reference/reports.md names tests that do not exist: {missing:?}"
    );
}

/// All Rust sources below a folder, one after the other.
fn sources(folder: &std::path::Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &std::fs::read_to_string(&path).unwrap();
        }
    }
    text
}
