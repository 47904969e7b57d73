"""The states that packages are in: what people, bots and formatters did since a package was rendered."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from updates.changes import append, edit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CI, RELEASE = ".github/workflows/ci.yml", ".github/workflows/release.yml"
BUMPED = f"{'7' * 40} # v7.9.0"


@dataclasses.dataclass(frozen=True)
class State:
    """A state of a package, by what was done to it.

    Attributes:
        title: What happened, for the documents.
        edits: Do it, in a rendered package.
        answers: Answers that differ from the defaults.
        adopted: The shape of the package (`adopt.fixtures`) that was there before the template, if one was.
    """

    title: str
    edits: tuple[Callable[[Path], None], ...] = ()
    answers: dict[str, Any] = dataclasses.field(default_factory=dict)
    adopted: str | None = None


def workflows(package: Path) -> list[Path]:
    """The workflows that the template gave, by the pins in them."""
    found = (package / ".github/workflows").iterdir()
    return [
        path for path in found if re.search(r"uses: \S+@[0-9a-f]{40} # v", path.read_text(encoding="utf-8"))
    ]


def bump_actions(package: Path) -> None:
    """What both bots do."""
    for path in workflows(package):
        edit(path, r"(uses: [\w.-]+/[\w.-]+)@[0-9a-f]{40} # v\S+", rf"\1@{BUMPED}")


def bump_one_action(package: Path) -> None:
    edit(package / RELEASE, r"(actions/checkout)@[0-9a-f]{40} # v\S+", rf"\1@{BUMPED}")


def bump_tools(package: Path) -> None:
    """What both bots do, in dependency groups."""
    edit(package / "pyproject.toml", r"(ruff|mypy|coverage\[toml\]|pytest)==[0-9.]+", r"\1==99.1")


def bump_uv(package: Path) -> None:
    """By hand: no bot can find the checksum."""
    for path in workflows(package):
        edit(path, r'^          version: "[0-9.]+"', '          version: "99.1"')
        edit(path, r"^          checksum: [0-9a-f]{64} # v[0-9.]+", f"          checksum: {'7' * 64} # v99.1")


def bump_answers(package: Path) -> None:
    """What some do with Renovate: the stored pins move along."""
    path = package / ".copier-answers.yml"
    edit(path, r"^(    [\w-]+/[\w-]+): '[0-9a-f]{40} # v[^']+'", rf"\1: '{BUMPED}'")
    edit(path, r"^    (ruff|mypy|coverage|pytest): [0-9.]+$", r"    \1: '99.1'")


def add_job(package: Path) -> None:
    edit(package / CI, r"^      # Names of your own jobs.*\n", r"\g<0>      - docs\n")
    append(
        package / CI,
        "  docs:\n    name: Documentation\n    runs-on: ubuntu-24.04\n    timeout-minutes: 60\n"
        "    permissions: {}\n    steps:\n      - run: echo built\n",
    )


def add_steps(package: Path) -> None:
    """Where the comments say."""
    step = r"\g<0>      - name: Install a library\n        run: sudo apt-get install --yes libexample\n"
    for path in workflows(package):
        if "# Your own steps" in path.read_text(encoding="utf-8"):
            edit(path, r"^      # Your own steps.*\n", step)


def rewrite_prose(package: Path) -> None:
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        (package / name).write_text(f"# Ours\n\n## 1.0.0\n\nAll of {name} is ours.\n", encoding="utf-8")
    append(package / "RELEASING.md", "\n## In this house\n\nRing the bell.\n")


def rewrite_code(package: Path) -> None:
    module = next(package.glob("**/demo_pkg/__init__.py"))
    module.write_text('"""Ours."""\n\nANSWER = 42\n', encoding="utf-8")
    (module.parent / "core.py").write_text("CORE = 1\n", encoding="utf-8")
    (package / "tests/test_version.py").write_text("# Ours.\n", encoding="utf-8")
    append(package / ".gitignore", "/site/\n")


def rewrite_pyproject(package: Path) -> None:
    """The project's part in another order and style, with more in it; the release's tables as they were."""
    path = package / "pyproject.toml"
    release, head, project = path.read_text(encoding="utf-8").partition("# ---- The project")
    first, *sections = re.split(r"(?m)^(?=\[(?!\[))", project)
    text = "".join([first, *sorted(sections)])
    text = text.replace("dependencies = []", 'dependencies = [\n    "attrs>=25",\n    "click>=8",\n]')
    text = text.replace("line-length = 100", "line-length = 120").replace("  ", "    ")
    path.write_text(release + head + text, encoding="utf-8")


def delete_files(package: Path) -> None:
    for name in (
        "SECURITY.md",
        ".pre-commit-config.yaml",
        "tests/test_version.py",
        ".github/release/tool.py",
        ".github/rulesets/release-tags-keep.json",
        ".github/dependabot.yml",
    ):
        (package / name).unlink(missing_ok=True)


def format_everything(package: Path) -> None:
    """Formatter and linter with settings of the user's own, and nothing left out."""
    path = package / "pyproject.toml"
    style = '[tool.ruff.format]\nquote-style = "single"\nindent-style = "tab"\n'
    edit(
        path,
        r"(?s)^\[tool\.ruff\]\n.*?\n(?=\n\[tool\.ruff\.lint\])",
        f"[tool.ruff]\nline-length = 79\n\n{style}",
    )
    edit(path, r"^extend-select = .*$", 'select = ["ALL"]')
    for command in (("check", "--fix", "--exit-zero"), ("format",)):
        done = [sys.executable, "-m", "ruff", *command, "--quiet", "--no-cache", "."]
        subprocess.run(done, cwd=package, check=True, capture_output=True)


def grow(package: Path) -> None:
    """A second package beside the first, with a workflow of its own."""
    (package / "packages/other").mkdir(parents=True)
    (package / "packages/other/pyproject.toml").write_text('[project]\nname = "other"\nversion = "1"\n')
    shutil.copy(package / CI, package / ".github/workflows/other.yml")


BOTH_BOTS = (bump_actions, bump_tools)
STATES = {
    "untouched": State("nothing"),
    "other-answers": State(
        "nothing, with other answers",
        answers={
            "layout": "flat",
            "type_checker": "pyright",
            "command_line": True,
            "release_notes": "towncrier",
            "update_bot": "renovate",
            "release_branches": "main release/*",
        },
    ),
    "dependabot": State("Dependabot bumped every pin that it knows", BOTH_BOTS),
    "renovate": State("Renovate bumped every pin", (*BOTH_BOTS, bump_uv), {"update_bot": "renovate"}),
    "renovate-stored": State(
        "Renovate bumped every pin, the stored ones too", (*BOTH_BOTS, bump_uv, bump_answers)
    ),
    "some-pins": State("one pin is bumped in one workflow", (bump_one_action,)),
    "job": State("a job is added to `ci.yml`", (add_job,)),
    "step": State("steps are added to `release.yml` and `ci.yml`", (add_steps,)),
    "prose": State(
        "README, CHANGELOG, other documents, code and tests are rewritten", (rewrite_prose, rewrite_code)
    ),
    "pyproject": State("`pyproject.toml` is rewritten, but for the release's tables", (rewrite_pyproject,)),
    "deleted": State("generated files are deleted", (delete_files,)),
    "formatted": State("formatters with other settings ran over everything", (format_everything,)),
    "monorepo": State(
        "a monorepo: pins bumped, a job added, a second package",
        (*BOTH_BOTS, bump_uv, add_job, grow),
        {"tag_prefix": "demo-pkg/v", "release_notes": "git-cliff"},
    ),
    "adopted": State(
        "an adopted package, pins bumped, steps added", (bump_actions, bump_uv, add_steps), adopted="target"
    ),
    "adopted-monorepo": State("an adopted package in a monorepo", adopted="monorepo"),
    "lived-in": State(
        "pins bumped, job and steps added, documents, code and `pyproject.toml` rewritten, files deleted",
        (
            *BOTH_BOTS,
            bump_uv,
            add_job,
            add_steps,
            rewrite_prose,
            rewrite_code,
            rewrite_pyproject,
            delete_files,
        ),
    ),
}
WHOLE = ("untouched", "dependabot", "adopted", "lived-in")  # what meets each change alone, too
