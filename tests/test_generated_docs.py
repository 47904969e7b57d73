"""Documents made from the product and from the tests are up to date.

``uv run pytest tests/test_generated_docs.py --refresh-docs`` writes them again.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copier_pypi_release.console import counted
from copier_pypi_release.workflow_files import STAGES, Workflow, load
from drill.test_scenarios import MEETINGS
from support import pictures
from support.marks import Marked, marked_tests
from support.rendering import ROOT, Renderer, git, questions_of

DOCS = ROOT / "docs"
EXAMPLE = DOCS / "example"
ADDRESS = "ADDRESS_OF_THIS_REPOSITORY"  # where documents name the template's own
SHOWN_LINES = 24  # of one file's diff, in docs/choose.md
# Answers to show of questions that take any text.
ANSWERS = {
    "code_owners": "@octocat",
    "tag_prefix": "my-package/v",
    "release_branches": "main release/*",
    "testpypi_environment": "staging",
    "pypi_environment": "production",
}
SAID: dict[object, str] = {True: "yes", False: "no"}
GIVEN = ("project_name", "import_name", "description", "author_name", "repository_owner", "repository_name")


UpToDate = Callable[[Path, str], None]


@pytest.fixture(scope="module")
def marked(request: pytest.FixtureRequest) -> list[Marked]:
    """Every test of this repository; a run of them all has collected them, which takes seconds, already."""
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    here = marked_tests(request.session.items)
    options = request.config.option
    if {test["module"] for test in here} == modules and not (
        options.keyword or options.markexpr or options.deselect
    ):
        return here
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
    listed: list[Marked] = json.loads(done.stdout.rpartition("MARKS ")[2].splitlines()[0])
    return listed


def test_example(request: pytest.FixtureRequest, template: Path, default_package: Path) -> None:
    """docs/example is the package that default answers give, every file of it."""
    listed = git(default_package, "ls-files", "-z").split("\0")
    wanted = {
        name: (default_package / name).read_text(encoding="utf-8").replace(str(template), ADDRESS)
        for name in listed
        if name
    }
    if request.config.getoption("--refresh-docs"):
        shutil.rmtree(EXAMPLE, ignore_errors=True)
        for name, text in wanted.items():
            (EXAMPLE / name).parent.mkdir(parents=True, exist_ok=True)
            (EXAMPLE / name).write_text(text, encoding="utf-8")
    tracked = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "docs/example")
    names = [name.removeprefix("docs/example/") for name in tracked.split("\0") if name]
    found = {
        name: (EXAMPLE / name).read_text(encoding="utf-8") for name in names if (EXAMPLE / name).exists()
    }
    differing = sorted(name for name in found | wanted if found.get(name) != wanted.get(name))
    assert differing == [], "refresh them: uv run pytest tests/test_generated_docs.py --refresh-docs"


# ---- Pictures ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def release(default_package: Path) -> Workflow:
    """The workflow that releases a package."""
    return load(default_package / ".github/workflows/release.yml")


def between(text: str, mark: str, new: str) -> str:
    """A document with other lines between the comments that begin and end a made part."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- {mark}: end -->"
    assert text.count(begin) == text.count(end) == 1, mark
    return f"{text.partition(begin)[0]}{begin}{new}{end}{text.partition(end)[2]}"


def test_the_picture_of_a_release(release: Workflow, up_to_date: UpToDate) -> None:
    """It is drawn from the workflow: as an image for README.md, and as GitHub draws it."""
    picture = pictures.svg(release)
    titles = set(re.findall(r'<text x="\d+" y="\d+">(.*?)</text>', picture))
    assert {str(job["name"]).partition(" (")[0] for job in release.jobs.values()} - titles == {"Report"}
    up_to_date(DOCS / "images/release.svg", picture)
    page = DOCS / "README.md"
    drawn = f"\n```mermaid\n{pictures.mermaid(release)}\n```\n\n"
    up_to_date(page, between(page.read_text(encoding="utf-8"), "picture", drawn))


def test_the_picture_follows_the_workflow(release: Workflow) -> None:
    jobs = {**release.jobs, "audit": {"name": "Audit", "needs": ["build"], "steps": []}}
    jobs["test"] = {**jobs["test"], "needs": ["gate", "build", "audit"]}
    drawn = pictures.mermaid(dataclasses.replace(release, data={**release.data, "jobs": jobs}))
    assert {"    build --> audit", "    audit --> test"} <= set(drawn.splitlines())
    assert "    build --> test" not in drawn.splitlines(), "by way of the audit"
    assert "gate --> test" not in drawn


def test_what_the_readme_says_it_costs(
    default_package: Path, release: Workflow, up_to_date: UpToDate
) -> None:
    """Lines and files, counted."""
    scripts = sorted((default_package / ".github/release").rglob("*"))
    files = [path for path in scripts if path.is_file()]
    lines = sum(len(p.read_text(encoding="utf-8").splitlines()) for p in files if p.suffix == ".py")
    own = sum(
        len((default_package / name).read_text(encoding="utf-8").splitlines())
        for name in git(default_package, "ls-files", "src", "tests").splitlines()
    )
    workflows = len(list((default_package / ".github/workflows").iterdir()))
    assert set(release.jobs) == {*STAGES, "report"}
    said = (
        f"The package has {len(files)} files below `.github/release/`, with {lines:,} lines of Python, and "
        f"{workflows} workflows. None\nof it is in the sdist or the wheel. "
        f"Code and tests of your own begin with {own} lines. A release has {len(STAGES)}\n"
        "jobs, and one more reports a failure.\n"
    )
    page = ROOT / "README.md"
    up_to_date(page, between(page.read_text(encoding="utf-8"), "counted", f"\n{said}\n"))


# ---- What each answer changes -----------------------------------------------------------------------


def test_every_answer_shows_what_it_changes(template: Path, up_to_date: UpToDate) -> None:
    """docs/choose.md: each question's help, and the difference that each answer makes to the package."""
    renderer = Renderer(template)
    default = renderer.files()
    asked = {
        name: question
        for name, question in questions_of(template).items()
        if question.get("ask", True) and question.get("when") is not False
    }
    page = [
        "# What each answer changes",
        "",
        "Made from the template by `tests/test_generated_docs.py`: the difference to the package of",
        "[default answers](example), without the answers file. Pages that say the same in words, and long",
        "differences, are named only. The questions about who the package is change names only.",
        "",
        "| Question | Answers, the default first |",
        "|---|---|",
    ]
    texts: list[str] = []
    shown = 0
    for name, question in asked.items():
        if name in GIVEN:
            continue
        assert name in renderer.choices or name in ANSWERS, f"ANSWERS has no answer to show of {name}"
        answers = renderer.choices.get(name, [ANSWERS.get(name)])
        others = [answer for answer in answers if answer != question["default"]]
        every = (
            [question["default"], *others] if name in renderer.choices else [question["default"], "your own"]
        )
        words = [SAID.get(answer, answer) if answer != "" else "empty" for answer in every]
        page += [f"| [`{name}`](#{name}) | {', '.join(map(str, words))} |"]
        texts += ["", f"## {name}", "", *(f"{line}  " for line in question["help"].splitlines()[:2])]
        for answer in others:
            parts = list(changed(default, renderer.files({name: answer})))
            assert parts, f"{name}={answer} changes nothing"
            shown += 1
            said = f"{name}: {SAID.get(answer, answer)}"
            texts += ["", f"<details><summary><code>{said}</code></summary>", "", *parts, "</details>"]
    assert shown > 15
    page += texts
    up_to_date(DOCS / "choose.md", "\n".join(page).rstrip("\n") + "\n")


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> Iterator[str]:
    """The differences of two packages, in Markdown: one block of what does something, the rest by name."""
    paths = [path for path in sorted(before | after) if path != ".copier-answers.yml"]
    shown, named = [], {"New": list[str](), "Gone": list[str](), "Changed, too": list[str]()}
    for path in (path for path in paths if before.get(path) != after.get(path)):
        old, new = (files.get(path, b"").decode().splitlines() for files in (before, after))
        lines = [
            line for line in list(difflib.unified_diff(old, new, n=0, lineterm=""))[2:] if line[0] != "@"
        ]
        if path not in before or path not in after:
            named["New" if path in after else "Gone"].append(f"`{path}` ({counted(len(new or old), 'line')})")
        elif len(lines) > SHOWN_LINES or path.endswith(".md") or path == "LICENSE":
            named["Changed, too"].append(f"`{path}` ({counted(len(lines), 'line')})")
        else:
            shown += [f"# {path}", *lines]
    if shown:
        yield "\n".join(["```diff", *shown, "```", ""])
    for title, found in named.items():
        if found:
            yield f"{title}: {', '.join(found)}.\n"


def test_a_difference_is_shown_or_named() -> None:
    """A short one of what does something is shown; pages, long ones, new and lost files are named."""
    before = dict.fromkeys(("a.toml", "page.md", "long.py", "gone.py", "same.py"), b"1\n")
    after = {"a.toml": b"2\n", "page.md": b"2\n", "long.py": b"2\n" * SHOWN_LINES, "new.py": b"1\n2\n"}
    assert list(changed(before, {**after, "same.py": b"1\n"})) == [
        "```diff\n# a.toml\n-1\n+2\n```\n",
        "New: `new.py` (2 lines).\n",
        "Gone: `gone.py` (1 line).\n",
        f"Changed, too: `long.py` ({SHOWN_LINES + 1} lines), `page.md` (2 lines).\n",
    ]


# ---- Rows and scenarios -----------------------------------------------------------------------------


def test_every_mark_names_a_row(marked: list[Marked]) -> None:
    rows = set(
        re.findall(r"^\| ([A-Z]+\d+(?:\.\d+)?) \|", (DOCS / "requirements.md").read_text(), re.MULTILINE)
    )
    named = {row for test in marked for row in test["rows"]}
    assert not named - rows


def test_requirements(marked: list[Marked], up_to_date: UpToDate) -> None:
    """docs/requirements.md names the tests that prove each row."""
    proved: dict[str, set[str]] = defaultdict(set)
    for test in marked:
        for row in test["rows"]:
            proved[row].add(test["module"].removeprefix("tests/").removesuffix(".py"))
    path = DOCS / "requirements.md"

    def with_proof(match: re.Match[str]) -> str:
        modules = sorted(proved[match[1]])
        links = ", ".join(f"[{m.replace('test_', '', 1)}](../tests/{m}.py)" for m in modules)
        return f"| {match[1]} | {match[2]} | {links} |".replace("|  |", "| |")

    pattern = re.compile(r"^\| ([A-Z]+\d+(?:\.\d+)?) \| (.*) \| .*\|$", re.MULTILINE)
    up_to_date(path, pattern.sub(with_proof, path.read_text(encoding="utf-8")))


def test_scenarios(marked: list[Marked], up_to_date: UpToDate) -> None:
    """docs/drill.md has the table of scenarios, from the tests' first lines and marks."""
    rows: dict[str, str] = {}
    for test in marked:
        if test["module"] in {"tests/drill/test_scenarios.py", "tests/drill/test_guards.py"}:
            name = test["name"].partition("[")[0]
            proves = ", ".join(dict.fromkeys(test["rows"]))
            met = ", ".join(meeting.value for meeting in MEETINGS.get(name, ()))
            rows[name] = f"| {test['says']} | {met} | `{name}` | {proves} |".replace("|  |", "| |")
    path = DOCS / "drill.md"
    before, _, rest = path.read_text(encoding="utf-8").partition("| Scenario |")
    after = rest.partition("\n\n")[2]
    table = "\n".join(["| Scenario | `release` | Test | Proves |", "|---|---|---|---|", *rows.values()])
    up_to_date(path, f"{before}{table}\n\n{after}".rstrip("\n") + "\n")


def test_every_fault_of_the_world_that_is_listed_has_its_test(marked: list[Marked]) -> None:
    """docs/faults.md names a test for each example, or a case of one."""
    lines = (DOCS / "faults.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| Example")]
    listed = [pair for row in rows for pair in re.findall(r"^\| .+ \| `(.+?)::(.+)` \|$", row)]
    assert len(listed) == len(rows) > 60
    cases = {(test["module"].removeprefix("tests/"), test["name"]) for test in marked}
    tests = {(module, name.partition("[")[0]) for module, name in cases}
    assert set(listed) - cases - tests == set()
