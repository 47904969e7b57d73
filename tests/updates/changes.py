"""The kinds of change that a template makes between two versions, each within the rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copier_pypi_release.checks.rules.content import UNSTEERED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CI = "template/.github/workflows/ci.yml.jinja"
RELEASE = "template/.github/workflows/{= release_workflow =}.jinja"
SCRIPTS = "template/.github/release"
HANDED_OVER = ".github/dependabot.yml"  # by `file_handed_over`
SCRIPT = '"""A new script."""\n\nfrom __future__ import annotations\n'


def edit(path: Path, pattern: str, new: str | Callable[[re.Match[str]], str], count: int = 0) -> None:
    """Replace the matches of a pattern (`^` and `$` are those of a line); there must be one."""
    text, found = re.subn(pattern, new, path.read_text(encoding="utf-8"), count=count, flags=re.MULTILINE)
    assert found, f"{pattern} is not in {path}"
    path.write_text(text, encoding="utf-8")


def reworded(folder: Path, name: str, other: str) -> None:
    """Let the files of the template, and their paths, say something else than the name of a question."""
    for path in list((folder / "template").rglob("*.jinja")):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(rf"\b{name}\b", other, text), encoding="utf-8")
        path.rename(path.with_name(re.sub(rf"\b{name}\b", other, path.name)))


def append(path: Path, text: str) -> None:
    """Add to the end of a file."""
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def question_added(folder: Path) -> None:
    """A question is added; its default says what was said before."""
    append(folder / "copier.yml", "\nslow_tests:\n  type: bool\n  help: Slow tests?\n  default: false\n")
    edit(folder / CI, "    timeout-minutes: 60$", "    timeout-minutes: {= 90 if slow_tests else 60 =}")


def question_renamed(folder: Path) -> None:
    """A question is renamed; its old answer is the default."""
    edit(
        folder / "copier.yml",
        r"^release_issues:\n((?:  .*\n)*?)  default: true\n",
        'issue_on_failure:\n\\1  default: "{= release_issues | default(true) =}"\n',
    )
    reworded(folder, "release_issues", "issue_on_failure")


def question_retired(folder: Path) -> None:
    """A question is retired; packages keep the answer that they have given."""
    edit(folder / "copier.yml", r"^command_line:\n", r"\g<0>  ask: false\n")


def file_added(folder: Path) -> None:
    """A script and a workflow are added."""
    (folder / SCRIPTS / "count_downloads.py").write_text(SCRIPT, encoding="utf-8")
    (folder / "template/.github/workflows/template-news.yml").write_text(
        "on: push\njobs: {}\n", encoding="utf-8"
    )


def file_handed_over(folder: Path) -> None:
    """A file is handed over to its users, and changes for new packages."""
    hand_over(folder, f"/{HANDED_OVER}")
    append(next((folder / "template/.github").glob("*dependabot*")), "# Newer\n")


def file_retired(folder: Path) -> None:
    """A script is retired: no new package gets it, and who has it keeps it."""
    edit(folder / "copier.yml", r"^_exclude:\n", r"\g<0>  - /.github/release/report_outcome.py\n")


def hand_over(folder: Path, path: str) -> None:
    """Leave a path to its users."""
    entry = f"  - \"{{% if _copier_operation == 'update' %}}{path}{{% endif %}}\"\n"
    edit(folder / "copier.yml", r"(?<=\n)(?=\n# ---- What adoption finds out)", entry)


def workflows_changed(folder: Path) -> None:
    """Workflows change: heads, every job, new steps around every pin, a new job."""
    step = "      - name: Look around, number {n}\n        run: pwd\n"
    for name in (CI, RELEASE):
        path = folder / name
        lines: list[str] = ["# See: RELEASING.md\n"]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(keepends=True)):
            if re.match(r"      - (name: (Get|Install uv)|[&*])", line):
                lines.append(step.format(n=number))
            lines.append(re.sub(r"^(    timeout-minutes: )(\d+)$", r"\g<1>1\2", line))
        path.write_text("".join(lines), encoding="utf-8")
        edit(path, r"^          retention-days: \d+.*$", "          retention-days: 29")
        edit(path, r"^    name: Build$", r"    name: Build it")
    job = (
        "  size:\n    name: Size\n    runs-on: ubuntu-24.04\n    timeout-minutes: 5\n"
        "    permissions: {}\n    steps:\n      - name: Get the source to weigh\n"
        "        uses: actions/checkout@{= pins['actions/checkout'] =}\n"
        "        with:\n          persist-credentials: false\n\n"
    )
    edit(folder / CI, r"^  quality:\n", lambda match: job + match[0])
    edit(folder / CI, r"^      - quality\n", "      - size\n      - quality\n")
    edit(folder / CI, r"^  workflow_dispatch:\n", "  workflow_dispatch:\n  merge_group:\n")


def job_added(folder: Path) -> None:
    """A job is added between others, with pinned steps like theirs.

    If the names of steps were the same, patches would land in the new job, where the old one stood.
    """
    path = folder / RELEASE
    job = re.search(r"(?ms)^  verify-testpypi:\n.*?(?=^  # From here on)", path.read_text(encoding="utf-8"))
    assert job
    copied = re.sub(r"(?<=- name: )(.*)", r"\1 once more", job[0]).replace("verify-testpypi", "look-again")
    edit(path, r"^  verify-testpypi:\n", lambda match: copied + match[0])


def scripts_changed(folder: Path) -> None:
    """Every script changes at both ends, and their settings."""
    for path in (folder / SCRIPTS).rglob("*.py"):
        edit(path, r"(?s)\A(# ///.*?^# ///\n)?\"\"\".*?\"\"\"$", r"\g<0>\n\nCHANGED = True", 1)
        append(path, "\n# The end.\n")
    edit(folder / SCRIPTS / "settings.toml.jinja", "^patience = 1800$", "patience = 3600")


def documents_changed(folder: Path) -> None:
    """Documents change in every section."""
    for name in ("README", "CONTRIBUTING", "RELEASING", "SECURITY"):
        path = folder / f"template/{name}.md.jinja"
        edit(path, r"^##? .*$", r"\g<0>\n\nChanged here.")
        edit(path, r"(?s)(?=<!-- Your own sections.*\Z)|(?<!-->\n)\Z", "\nThe new end.\n\n", 1)


def pyproject_changed(folder: Path) -> None:
    """The release's tables in pyproject.toml change."""
    path = folder / "template/pyproject.toml.jinja"
    edit(path, r"^requires = \[.*\]$", 'requires = ["hatchling>=1.40", "hatch-vcs>=0.6"]')
    edit(path, r"^scm\.git\.pre_parse = .*$", '\\g<0>\nversion_scheme = "guess-next-dev"')
    edit(path, r"^\[tool\.hatch\.build\.targets\.wheel\]$", r"\g<0>\nreproducible = true")


def pins_changed(folder: Path) -> None:
    """The template's pins change, one by a major version, and one is new."""
    edit(folder / "extensions/pins/action.yml", r"(actions/checkout)@\S+ # v\S+", rf"\1@{'8' * 40} # v8.0.0")
    edit(folder / "extensions/pins/requirements.txt", r"^(ruff|uv|pytest)==.*$", r"\1==99.0.0")
    edit(folder / "extensions/pins/action.yml", r"checksum: .*", f"checksum: {'9' * 64} # v99.0.0")
    append(folder / "extensions/pins/requirements.txt", "typos==1.2.3\n")
    append(folder / SCRIPTS / "settings.toml.jinja", "spelling = [\"typos=={= pins['typos'] =}\"]\n")


def script_split(folder: Path) -> None:
    """A script is split in two, and its step with it."""
    call = r"^          uv run .*\.github/release/check_tag\.py\n"
    step = (
        "      - name: Check the tag's neighbours\n"
        "        run: |\n"
        f"          {UNSTEERED}\n"
        "          uv run --no-config .github/release/check_neighbours.py\n"
    )
    edit(folder / RELEASE, call, lambda match: match[0] + step)
    (folder / SCRIPTS / "check_neighbours.py").write_text(SCRIPT, encoding="utf-8")
    edit(
        folder / SCRIPTS / "check_tag.py",
        r'(?s)\nif __name__ == "__main__":.*',
        "\n# The rest: check_neighbours.py\n",
    )


SINGLE: tuple[Callable[[Path], None], ...] = (
    question_added,
    question_renamed,
    question_retired,
    file_added,
    file_handed_over,
    file_retired,
    workflows_changed,
    job_added,
    scripts_changed,
    documents_changed,
    pyproject_changed,
    pins_changed,
    script_split,
)


def everything(folder: Path) -> None:
    """All of these at once."""
    for change in SINGLE:
        change(folder)


CHANGES = {change.__name__: change for change in (*SINGLE, everything)}
