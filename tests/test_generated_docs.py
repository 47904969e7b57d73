"""Documents made from the product and from the tests are up to date.

``uv run pytest tests/test_generated_docs.py --refresh-docs`` writes them again.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from support.rendering import ROOT

DOCS = ROOT / "docs"
# What a reader wants to see of a package; each file's links lead to others of them.
EXAMPLE = (
    "CONTRIBUTING.md",
    "RELEASING.md",
    ".github/release/README.md",
    ".github/release/RECOVERY.md",
    ".github/workflows/ci.yml",
    ".github/workflows/release.yml",
    ".github/workflows/release-watch.yml",
)


UpToDate = Callable[[Path, str], None]


@pytest.fixture
def up_to_date(request: pytest.FixtureRequest) -> UpToDate:
    """Compare a document with what it should be, or write it when --refresh-docs is given."""

    def check(path: Path, wanted: str) -> None:
        if request.config.getoption("--refresh-docs"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        assert found == wanted, f"refresh it: uv run pytest {request.path.relative_to(ROOT)} --refresh-docs"

    return check


@pytest.fixture(scope="module")
def marked() -> list[dict[str, object]]:
    """Every test of this repository: its name, its rows, its first line (see `conftest.py`)."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "--quiet",
        "--list-marks",
        "--numprocesses=0",
        str(ROOT / "tests"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    listed: list[dict[str, object]] = json.loads(done.stdout.rpartition("MARKS ")[2].splitlines()[0])
    return listed


@pytest.mark.parametrize("name", EXAMPLE)
def test_example(default_package: Path, up_to_date: UpToDate, name: str) -> None:
    """The example in docs/ is what a package with default answers gets."""
    up_to_date(DOCS / "example" / name, (default_package / name).read_text(encoding="utf-8"))


def test_the_example_has_no_other_file() -> None:
    found = {p.relative_to(DOCS / "example").as_posix() for p in (DOCS / "example").rglob("*") if p.is_file()}
    assert found == set(EXAMPLE)


def test_every_mark_names_a_row(marked: list[dict[str, object]]) -> None:
    rows = set(
        re.findall(r"^\| ([A-Z]+\d+(?:\.\d+)?) \|", (DOCS / "requirements.md").read_text(), re.MULTILINE)
    )
    named = {row for test in marked for row in test["rows"]}  # type: ignore[attr-defined]
    assert not named - rows


def test_requirements(marked: list[dict[str, object]], up_to_date: UpToDate) -> None:
    """docs/requirements.md names the tests that prove each row."""
    proved: dict[str, set[str]] = defaultdict(set)
    for test in marked:
        for row in test["rows"]:  # type: ignore[attr-defined]
            proved[str(row)].add(str(test["module"]).removeprefix("tests/").removesuffix(".py"))
    path = DOCS / "requirements.md"

    def with_proof(match: re.Match[str]) -> str:
        modules = sorted(proved[match[1]])
        links = ", ".join(f"[{m.replace('test_', '', 1)}](../tests/{m}.py)" for m in modules)
        return f"| {match[1]} | {match[2]} | {links} |".replace("|  |", "| |")

    pattern = re.compile(r"^\| ([A-Z]+\d+(?:\.\d+)?) \| (.*) \| .*\|$", re.MULTILINE)
    up_to_date(path, pattern.sub(with_proof, path.read_text(encoding="utf-8")))


def test_scenarios(marked: list[dict[str, object]], up_to_date: UpToDate) -> None:
    """docs/drill.md has the table of scenarios, from the tests' first lines and marks."""
    rows: dict[str, str] = {}
    for test in marked:
        if test["module"] in {"tests/drill/test_scenarios.py", "tests/drill/test_guards.py"}:
            name = str(test["name"]).partition("[")[0]
            proves = ", ".join(dict.fromkeys(test["rows"]))  # type: ignore[call-overload]
            rows[name] = f"| {test['says']} | `{name}` | {proves} |"
    path = DOCS / "drill.md"
    before, _, rest = path.read_text(encoding="utf-8").partition("| Scenario |")
    after = rest.partition("\n\n")[2]
    table = "\n".join(["| Scenario | Test | Proves |", "|---|---|---|", *rows.values()])
    up_to_date(path, f"{before}{table}\n\n{after}".rstrip("\n") + "\n")
