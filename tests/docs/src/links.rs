//! Links of a Markdown page that lead within the repository.

/// A link: its line (from 1), and where it leads, as it is written.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// Line of the page.
    pub line: usize,
    /// `page.md#heading`, `#heading`, `../folder/`.
    pub target: String,
}

/// Every link and image that is no URL, outside of code.
pub fn local(page: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (line, text) in prose(page) {
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let target: String = after.chars().take_while(|&c| c != ')' && !c.is_whitespace()).collect();
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push(Link {
                    line,
                    target: target.clone(),
                });
            }
            rest = after.get(target.len()..).unwrap_or_default();
        }
    }
    found
}

/// Anchors of a page's headings, as code hosts make them: lower case, spaces to hyphens, punctuation dropped, and a
/// number behind what occurred before.
pub fn anchors(page: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, text) in prose(page) {
        let heading = text.trim_start_matches('#');
        if heading.len() == text.len() || !heading.starts_with(' ') {
            continue;
        }
        let anchor: String = heading
            .trim()
            .to_lowercase()
            .chars()
            .filter(|&c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let before = found.iter().filter(|one| **one == anchor).count();
        found.push(if before == 0 {
            anchor
        } else {
            format!("{anchor}-{before}")
        });
    }
    found
}

/// Lines outside of fenced code with inline code blanked, numbered from 1. Headings keep the words of their code.
fn prose(page: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (number, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        let text = if line.starts_with('#') {
            line.replace('`', "")
        } else {
            line.split('`').step_by(2).collect::<Vec<_>>().join("`")
        };
        lines.push((number + 1, text));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_code_are_none() {
        let page = "[a](b.md) `[c](d.md)` [e](https://x/y)\n```\n[f](g.md)\n```\n[h](#i \"title\")\n";
        let targets: Vec<_> = local(page).into_iter().map(|link| link.target).collect();
        assert_eq!(targets, ["b.md", "#i"]);
    }

    #[test]
    fn headings_are_anchors() {
        let page = "# One, two\n## `serve` – it's\n## One, two\n#no\n";
        assert_eq!(anchors(page), ["one-two", "serve--its", "one-two-1"]);
    }
}
