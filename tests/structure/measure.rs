//! Numbers of one file.

use crate::source::{Source, closing};

/// A function.
pub(crate) struct Function {
    pub(crate) name: String,
    /// Line of its name, from 1.
    pub(crate) line: usize,
    /// Lines from its name to its last brace.
    pub(crate) lines: usize,
}

/// Words with their places.
fn words(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut begin = None;
    for (at, c) in code.char_indices().chain([(code.len(), ' ')]) {
        let in_word = c.is_alphanumeric() || c == '_';
        match (begin, in_word) {
            (None, true) => begin = Some(at),
            (Some(start), false) => {
                found.push((start, &code[start..at]));
                begin = None;
            }
            _ => {}
        }
    }
    found
}

pub(crate) fn functions(source: &Source) -> Vec<Function> {
    let code = &source.code;
    let line = |at: usize| code[..at].matches('\n').count() + 1;
    let mut functions = Vec::new();
    for pair in words(code).windows(2) {
        let [(at, "fn"), (named, name)] = pair else {
            continue;
        };
        // A pointer to a function has no name.
        if code[at + 2..*named].trim() != "" {
            continue;
        }
        let Some(open) = body(code, *named) else {
            continue;
        };
        let lines = line(closing(code, open)) - line(*at) + 1;
        functions.push(Function {
            name: (*name).to_owned(),
            line: line(*at),
            lines,
        });
    }
    functions
}

/// The brace that opens the body of the function whose name is here; a declaration has none.
fn body(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0;
    for (offset, byte) in code[at..].bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' if depth == 0 => return None,
            b'{' if depth == 0 => return Some(at + offset),
            _ => {}
        }
    }
    None
}

/// Names of the types that a file defines.
pub(crate) fn types(source: &Source) -> Vec<String> {
    let code = &source.code;
    let mut types = Vec::new();
    for pair in words(code).windows(2) {
        let [(at, word), (_, name)] = pair else {
            continue;
        };
        // An associated type is no type of its own.
        let depth = code[..*at].bytes().fold(0i32, |depth, byte| match byte {
            b'{' => depth + 1,
            b'}' => depth - 1,
            _ => depth,
        });
        let defines = match *word {
            "struct" | "enum" | "trait" | "union" => true,
            "type" => depth == 0,
            _ => false,
        };
        if defines && name.starts_with(char::is_uppercase) {
            types.push((*name).to_owned());
        }
    }
    types
}

/// Members of a struct.
pub(crate) fn members(source: &Source, name: &str) -> Option<usize> {
    let code = &source.code;
    let begin = code.find(&format!("struct {name} {{"))?;
    let open = begin + code[begin..].find('{')?;
    let body = &code[open + 1..closing(code, open) - 1];
    Some(body.matches(": ").count())
}

/// Numbers of the lines that are longer than `most` characters and could be broken: no address, no table, no string.
pub(crate) fn long_lines(source: &Source, most: usize) -> Vec<usize> {
    let free = |line: &str, code: &str| {
        let start = line.trim_start();
        let comment = start.starts_with("//");
        let table = start.starts_with("//! |") || start.starts_with("/// |");
        line.contains("://") || table || (!comment && (line.contains('"') || code.trim().is_empty()))
    };
    let lines = (1..).zip(source.text.lines().zip(source.code.lines()));
    lines
        .filter(|(_, (line, code))| line.chars().count() > most && !free(line, code))
        .map(|(number, _)| number)
        .collect()
}
