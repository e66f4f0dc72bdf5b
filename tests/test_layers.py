"""Imports go one way; left of the edge nothing opens, prints or looks at a clock."""

import ast
import subprocess
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parent.parent / "lib" / "opsbook"
LAYERS = (
    {"schema", "settings", "errors", "clauses", "laws"},
    {"clock", "markdown", "periods", "prices", "estimates", "refusals"},
    {"calls", "coverage", "panel"},
    {"baselines", "rules", "findings", "splits", "regression"},
    {
        "events", "register", "steps", "incidents", "dossier", "reports", "responses", "postmortem",
        "agendas", "notices", "cells", "outcomes", "registers", "reviews", "signoffs", "backtest",
        "reminders", "obligations", "months", "quarters", "vendors",
    },
    {
        "charts", "company", "displays", "messages", "schedule", "pages", "incident_pages",
        "workflow_pages", "regression_pages", "duty_pages", "review_mail", "method_pages",
        "backtest_pages", "month_pages", "quarter_pages", "calendars", "vendor_pages",
    },
    {
        "engines", "exports", "inbox", "loading", "corrections", "progress", "quarantine", "store",
        "stretches", "records", "spreadsheets", "registerbooks", "workbook", "notify", "specs",
        "kernels", "notebooks", "site", "template", "lists", "listbooks", "answers", "runs", "live",
        "listruns", "production", "prompts", "archive",
        "proof", "evidence",
    },
    {
        "weekly", "check", "desk", "regress", "doctor", "forms", "explore", "init", "mapper",
        "printing", "signing", "__main__", "mailing", "keeping",
    },
)  # fmt: skip
EDGE = LAYERS[6] | LAYERS[7]
READS_OWN_DATA = {"clauses", "laws"}  # data of the package, opened as a resource
IMPURE = {
    "open", "print", "input", "read_text", "write_text", "read_bytes", "write_bytes", "getenv",
    "now", "today", "utcnow", "urlopen", "system", "Popen",
}  # fmt: skip


def modules() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        name = path.relative_to(LIBRARY).parts[0].removesuffix(".py")
        if name != "__init__":
            found.setdefault(name, []).append(path)
    return found


def layer_of(module: str) -> int:
    return next(i for i, layer in enumerate(LAYERS) if module in layer)


def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports anywhere, functions included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "opsbook":
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("opsbook."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("opsbook.")}
    return {n for n in names if not n.startswith("__")}


def test_every_module_has_its_layer_and_no_layer_names_a_module_that_is_gone():
    assert set(modules()) == set().union(*LAYERS)


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_from_its_own_layer_or_one_below(module):
    for path in modules()[module]:
        above = {m for m in imported(path) if layer_of(m) > layer_of(module)}
        assert not above, f"{path.name} imports {above}, which stand above it"


@pytest.mark.parametrize("module", sorted(set(modules()) - EDGE - READS_OWN_DATA))
def test_a_module_left_of_the_edge_is_pure(module):
    for path in modules()[module]:
        calls = [
            n.func for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)
        ]
        names = {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in calls}
        assert not names & IMPURE, f"{path.name} calls {names & IMPURE}"


@pytest.mark.parametrize("module", sorted(modules()))
def test_no_module_defines_a_function_twice(module):
    for path in modules()[module]:
        body = ast.parse(path.read_text("utf-8")).body
        names = [n.name for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        doubled = {n for n in names if names.count(n) > 1}
        assert not doubled, f"{path.name} defines {doubled} twice; the later one wins in silence"


def test_the_package_is_not_ignored_by_git():
    root = LIBRARY.parent.parent
    ignored = subprocess.run(["git", "check-ignore", "-q", "lib/opsbook/new.py"], cwd=root)
    assert ignored.returncode == 1


def test_the_locked_versions_carry_hashes_and_name_no_address():
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (LIBRARY.parent.parent / name).read_text("utf-8")
        assert "://" not in text
        assert "--hash=sha256:" in text
