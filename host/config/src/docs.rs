//! The reference for operators, made from the table of settings.

use std::fmt::Write;

use crate::error::Code;
use crate::settings::{COMPONENT, ENVIRONMENT, Field, SETTINGS, Setting, SettingKind};

const INTRODUCTION: &str = "\
# Configuration

This page is made from the table of settings that the program itself reads; a test keeps it so.

Loadlock reads one TOML file: the one that `--config` names, else `LOADLOCK_CONFIG`, else `loadlock/loadlock.toml` in
the platform's configuration directory. Environment variables override the file. No file is needed: then the state is
in the platform's data directory, the provider is `local`, and the current directory is the only grant, for the local
command line.

- `loadlock config check` names every defect with file, line and key.
- `loadlock config explain` shows each value, who set it (default, line, variable) and what it means.

A running gateway takes a changed configuration over; `home`, `[server]` but for the certificate, `[tracker]` and
`limits.spool_size` wait for a restart. `loadlock component swap` puts another component in the place of a configured
one until the configuration names another.

With an unknown key, an unknown `LOADLOCK_*` variable or a bad value, Loadlock refuses to start.

## How values are written

- **Paths** are relative to the folder of the file, in a variable to the current directory. `~/` is your home directory.
- **Sizes** are a whole number of bytes, or a string with a unit: `\"100 MB\"` is 100,000,000 bytes, `\"64 MiB\"` is
  67,108,864.
- **Durations** are a string of one number and one unit: `\"250ms\"`, `\"60s\"`, `\"10m\"`, `\"1h\"`, `\"30d\"`. A bare
  number is refused.
- **Lists** in a variable are separated by commas.
- **Secrets** are never written down: a `value` is a template of `${env:NAME}` and `${file:PATH}`, with at most a word
  such as `Bearer ` around it. The variables that templates name may start with `LOADLOCK_`.
- `limits`, `retry`, `breaker` and `sandbox` apply to every provider; the same keys below `providers.<name>` override
  them for one.

";

const SAMPLES: [(&str, &str); 4] = [
    ("Kimi", include_str!("../samples/kimi.toml")),
    ("GLM", include_str!("../samples/glm.toml")),
    ("OpenAI", include_str!("../samples/openai.toml")),
    (
        "A gateway with two vendors, tenants and keys",
        include_str!("../samples/gateway.toml"),
    ),
];

/// The reference page, Markdown. `docs/reference/configuration.md` is its output, checked by a test.
pub fn documentation() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("## Examples\n\n");
    for (title, text) in SAMPLES {
        // Writing to a string cannot fail.
        let _ = write!(page, "### {title}\n\n```toml\n{text}```\n\n");
    }
    let _ = write!(page, "## Settings\n\nThere are {}.\n\n", SETTINGS.len());
    for setting in SETTINGS {
        describe(&mut page, setting);
    }
    page.push_str("## Other variables\n\n| Variable | Meaning |\n|---|---|\n");
    for (name, meaning) in ENVIRONMENT {
        let _ = writeln!(page, "| `{name}` | {meaning} |");
    }
    page.push_str(
        "\n## Errors\n\nAll of them are `config_invalid` to the outside, exit code 2; the detail is one of these.\n\n\
         | Detail | Meaning |\n|---|---|\n",
    );
    for code in Code::ALL {
        let _ = writeln!(page, "| `{code}` | {} |", code.meaning());
    }
    page
}

/// Longest line of prose. Rows of tables are longer: they cannot be broken.
const WIDTH: usize = 120;

/// Breaks prose at spaces, and continues after `indent`.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            lines.push('\n');
            lines.push_str(indent);
            width = indent.len();
        } else if width > 0 {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += length;
    }
    lines
}

fn describe(page: &mut String, setting: &Setting) {
    let places: Vec<String> = setting.places.iter().map(|place| format!("`{place}`")).collect();
    let variables: Vec<String> = setting
        .places
        .iter()
        .filter_map(|place| setting.variable(place))
        .map(|name| format!("`{name}`"))
        .collect();
    let _ = write!(
        page,
        "### {}\n\n{}\n\n",
        places.join(", "),
        wrapped(setting.meaning, "")
    );
    let mut item = |name: &str, text: &str| {
        let _ = writeln!(page, "{}", wrapped(&format!("- {name}: {text}"), "  "));
    };
    item("Type", &setting.kind.describe());
    item("Default", &setting.default.text());
    if !variables.is_empty() {
        item("Variable", &variables.join(", "));
    }
    page.push('\n');
    match setting.kind {
        SettingKind::Records(fields) => table(page, fields),
        SettingKind::Component => table(page, COMPONENT),
        _ => {}
    }
}

fn table(page: &mut String, fields: &[Field]) {
    page.push_str("| Field | Required | Meaning |\n|---|---|---|\n");
    for field in fields {
        let required = if field.required { "yes" } else { "no" };
        let _ = writeln!(page, "| `{}` | {required} | {} |", field.name, field.meaning);
    }
    page.push('\n');
}
