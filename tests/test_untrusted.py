"""Whatever others send ends in a value or in four lines: tags, file names, lists of hashes, indexes, GitHub.

What an index or GitHub answers is made of a good answer, broken in one place: other types, text cut off,
paths out of the folder, control characters, too much of it, redirects. `pytest -rP` shows the numbers.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import re
from pathlib import PurePath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests
from copier_pypi_release import cli, watching
from copier_pypi_release.adopt import ci, compiled, publishing_jobs
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.publishing_jobs import Member
from copier_pypi_release.checks import examine
from copier_pypi_release.checks.context import Context
from copier_pypi_release.checks.workflow import checks
from copier_pypi_release.github import GitHub
from copier_pypi_release.workflow_files import parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version
from release_lib import index
from release_lib.distributions import name_and_version, parse_checksums
from release_lib.settings import load_settings, read_tag
from release_lib.step import ReleaseError, fenced, shown
from requests.adapters import BaseAdapter
from ruamel.yaml import YAML
from support.rendering import git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from release_lib.settings import Settings

EFFORT = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WHEEL = "demo_pkg-1.2.3-py3-none-any.whl"
HASH = "a" * 64
PAGE = {
    "meta": {"api-version": "1.4"},
    "name": "demo-pkg",
    "project-status": {"status": "active"},
    "versions": ["1.2.3"],
    "files": [
        {
            "filename": WHEEL,
            "url": f"https://files.example/{WHEEL}",
            "hashes": {"sha256": HASH},
            "size": 7,
            "upload-time": "2026-11-20T12:00:00Z",
            "yanked": False,
            "provenance": f"https://files.example/{WHEEL}/provenance",
        }
    ],
}
PROVENANCE = {
    "version": 1,
    "attestation_bundles": [
        {
            "publisher": {
                "kind": "GitHub",
                "repository": "demo-pkg/demo-pkg",
                "workflow": "release.yml",
                "environment": "pypi",
            },
            "attestations": [{"version": 1}],
        }
    ],
}
OWNERSHIP = {"ownership": {"organization": None, "roles": [{"role": "Owner", "user": "me"}]}}
# What a text of others may have in it: paths, escapes, markup, workflow commands, what is not Latin.
TEXT = st.text(max_size=40) | st.sampled_from(
    [
        "../../etc/passwd",
        "..\\..\\x.whl",
        "/etc/x-1.0.tar.gz",
        f"../{WHEEL}",
        "C:\\x-1.0.tar.gz",
        "\x1b[2J\x1b]0;x\x07",
        "x\n::add-mask::y",
        "\r\n::error::z",
        "\u202egnp.x",
        "<img src=x onerror=y>",
        "```\n# title",
        "--upload-pack=touch x",
        "$(touch x)`touch y`",
        "%0A::warning::w",
        "demo_pkg-9" * 300,
        "\uff11.\uff12.\uff13",
        "NaN",
        "9" * 5000,
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


class Network(BaseAdapter):
    """Everything on the network, which gives one answer.

    Attributes:
        answer: Status, headers and body.
        repository: What GitHub says of the repository itself, if that is right.
        asked: Every request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answer: tuple[int, dict[str, str], bytes] = (404, {}, b"")
        self.repository: dict[str, Any] | None = None
        self.asked: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401
        """Answer."""
        assert more["timeout"], f"{request.url} is waited for without an end"
        self.asked.append(request)
        status, headers, body = self.answer
        if self.repository and request.path_url == f"/repos/{self.repository['full_name']}":
            status, body = 200, json.dumps(self.repository).encode()
        made = requests.Response()
        made.status_code, made.url, made.request = status, request.url or "", request
        made.headers.update(headers)
        made._content = body  # noqa: SLF001
        return made

    def close(self) -> None:
        """Nothing is open."""


@dataclasses.dataclass
class Tally:
    """How the examples of a property ended."""

    values: int = 0
    refused: int = 0

    def end(self, act: Callable[[], object]) -> object | None:
        """Act; a value or an error in four lines is right, and nothing else is."""
        try:
            found = act()
        except ReleaseError as error:
            lines = error.lines
        else:
            self.values += 1
            return found
        self.refused += 1
        assert len(lines) == 4
        harmless("\n".join(lines))
        return None

    def report(self, what: str, at_least: int) -> None:
        """Print the numbers; both ends must have been met, or the examples try nothing."""
        print(f"{what}: {self.values} values, {self.refused} refusals")
        assert self.values + self.refused >= at_least
        assert self.values
        assert self.refused


def harmless(text: str) -> None:
    """Check that a text, as it is printed, moves no cursor and begins no workflow command."""
    printed = shown(text)
    assert all(line.isprintable() for line in printed.split("\n"))
    block = fenced(text).splitlines()
    assert not any(re.fullmatch(f" {{0,3}}{re.escape(block[0])}`* *", line) for line in block[1:-1])


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """The way to every value inside a value."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield from places(held, (*at, key))


@st.composite
def broken(draw: st.DrawFn, good: Any) -> bytes:  # noqa: ANN401
    """The bytes of a good answer, with one place changed or left out, cut off, or as they are."""
    answer = copy.deepcopy(good)
    at = draw(st.sampled_from(list(places(answer))))
    how = draw(st.sampled_from(["other", "other", "other", "missing", "cut", "good"]))
    if at and how in {"other", "missing"}:
        holder = answer
        for key in at[:-1]:
            holder = holder[key]
        if how == "other":
            holder[at[-1]] = draw(JSON)
        else:
            del holder[at[-1]]
    elif how == "other":
        answer = draw(JSON)
    body = json.dumps(answer).encode()
    return body[: draw(st.integers(0, len(body)))] if how == "cut" else body


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """The network; time does not pass."""
    made = Network()
    monkeypatch.setattr(requests.Session, "get_adapter", lambda *_, **__: made)
    for module in (index, watching):
        monkeypatch.setattr(module, "time", type("Instant", (), {"sleep": staticmethod(lambda _: None)}))
    return made


@pytest.fixture
def package(default_package: Path) -> Settings:
    """The settings of a package."""
    return load_settings(default_package / ".github/release/settings.toml")


@pytest.mark.requirement("P4.2", "X10", "X17")
def test_a_tag(package: Settings) -> None:
    tally = Tally()

    @EFFORT
    @given(TEXT | TEXT.map("v{}".format) | st.from_regex(r"v[0-9]{1,2}(\.[0-9]{1,2}){0,3}((a|b|rc)[0-9])?"))
    def try_one(tag: str) -> None:
        version = tally.end(lambda: read_tag(tag, package))
        if version is not None:
            assert isinstance(version, Version)
            assert tag == f"v{version}"

    try_one()
    tally.report("tags", 300)


@pytest.mark.requirement("P8.7", "X17")
def test_a_list_of_hashes() -> None:
    """Its names lead nowhere but into a folder, whatever the system takes for a path."""
    tally = Tally()
    good = st.sampled_from([f"{HASH}  {WHEEL}", f"{'b' * 64}  demo_pkg-1.2.3.tar.gz"])
    line = good | st.builds("{}  {}".format, st.just(HASH) | TEXT, TEXT)

    @EFFORT
    @given(st.lists(line, max_size=3).map("\n".join))
    def try_one(text: str) -> None:
        found = tally.end(lambda: parse_checksums(text))
        if isinstance(found, tuple):
            for name in found[1]:
                assert PurePath(name).name == name == name.strip()
                assert not set(name) & set("/\\")
                assert name_and_version(name)

    try_one()
    tally.report("lists of hashes", 300)


@pytest.mark.requirement("P5.6", "P8.2", "X17")
def test_what_an_index_lists(network: Network, package: Settings) -> None:
    """A file that it lists is never taken for one that was built, unless it is."""
    tally, where = Tally(), index.INDEXES["pypi"]
    kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}

    @EFFORT
    @given(broken(PAGE), st.sampled_from([200, 200, 200, 200, 204, 301, 403, 404, 429, 500, 503]))
    def try_one(body: bytes, status: int) -> None:
        network.answer = (status, kind, body)
        served = tally.end(lambda: index.published(where, package.distribution, Version("1.2.3")))
        if isinstance(served, dict):
            found = index.compare({WHEEL: HASH}, served)
            if found.state is index.State.IDENTICAL:
                assert [(p.filename, (p.digests or {})["sha256"]) for p in served.values()] == [(WHEEL, HASH)]

    try_one()
    tally.report("lists of an index", 300)


@pytest.mark.requirement("X13", "X17")
def test_what_an_index_says_of_a_publisher(network: Network, package: Settings) -> None:
    """Nobody is taken for the right publisher who is not named so."""
    tally, expected = Tally(), index.expected_publisher(package, "pypi")
    network.answer = (200, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, json.dumps(PAGE).encode())
    page = index.page_of(index.INDEXES["pypi"], package.distribution)
    assert page is not None
    (file,) = page.packages

    @EFFORT
    @given(broken(PROVENANCE), st.sampled_from([200, 200, 200, 404, 500]))
    def try_one(body: bytes, status: int) -> None:
        network.answer = (status, {"Content-Type": "application/json"}, body)
        found = tally.end(lambda: watching.patiently(lambda: index.publishers_of(file)))
        if isinstance(found, list) and any(publisher.is_same(expected) for publisher in found):
            said = json.loads(body)["attestation_bundles"][0]
            assert said["publisher"]["repository"].casefold() == package.repository.casefold()
            assert said["publisher"]["workflow"] == package.release_workflow
            assert said["attestations"]

    try_one()
    tally.report("provenances", 300)


@pytest.mark.requirement("X14", "X17")
def test_what_an_index_says_of_owners(network: Network, package: Settings) -> None:
    tally = Tally()

    @EFFORT
    @given(broken(OWNERSHIP), st.sampled_from([200, 200, 200, 404, 500]))
    def try_one(body: bytes, status: int) -> None:
        network.answer = (status, {"Content-Type": "application/json"}, body)
        found = tally.end(lambda: watching.owners_of(package) or [])
        assert found is None or all(isinstance(name, str) for name in found)  # type: ignore[attr-defined]

    try_one()
    tally.report("owners", 300)


@pytest.mark.requirement("X3", "X17")
def test_a_redirect_does_not_take_the_token_along(network: Network) -> None:
    """Whatever GitHub's answers lead to."""
    network.answer = (302, {"Location": "https://elsewhere.example/x"}, b"")
    with pytest.raises(ReleaseError):
        GitHub("demo-pkg/demo-pkg", "ghp_token").get("rulesets")
    assert {r.url.split("/")[2] for r in network.asked if r.url} == {"api.github.com", "elsewhere.example"}
    for request in network.asked:
        assert ("Authorization" in request.headers) is ("api.github.com" in str(request.url))


@pytest.mark.requirement("X17")
@pytest.mark.parametrize("command", ["status", "watch", "doctor"])
def test_whatever_github_answers(
    network: Network,
    default_package: Path,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A command ends with a status and without a traceback, and prints nothing that moves a cursor.

    What it says of the repository itself is right, so that the command goes on.
    """
    network.repository = {
        "full_name": "demo-pkg/demo-pkg",
        "default_branch": "main",
        "private": False,
        "visibility": "public",
        "permissions": {"admin": True, "push": True},
        "owner": {"login": "demo-pkg", "type": "User"},
    }
    monkeypatch.chdir(default_package)
    monkeypatch.setenv("GH_TOKEN", "ghp_token")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert git(default_package, "status", "--porcelain") == ""
    ends: dict[int, int] = {}
    named = {
        "id": 1,
        "name": "v1.2.3",
        "tag_name": "v1.2.3",
        "draft": False,
        "body": "",
        "assets": [],
        "commit": {"sha": "0" * 40},
    }
    answers = {"workflow_runs": [named], "environments": [named], "secrets": [named]} | named

    @settings(EFFORT, max_examples=25)
    @given(broken(answers), st.sampled_from([200, 200, 200, 403, 422]))
    def try_one(body: bytes, status: int) -> None:
        network.answer = (status, {}, body)
        ended = cli.main([command])
        printed, errors = capsys.readouterr()
        assert "Traceback" not in printed + errors
        for line in (printed + errors).splitlines():
            assert re.sub(r"\x1b\[[\d;]*m", "", line).isprintable()
        ends[ended] = ends.get(ended, 0) + 1

    try_one()
    print(f"{command}: ends {ends}")
    assert set(ends) <= {0, 1}
    assert git(default_package, "status", "--porcelain") == ""


@pytest.mark.requirement("X17")
def test_a_huge_answer_of_an_index_is_read_once(network: Network, package: Settings) -> None:
    """Ten thousand files: what is asked is answered, and the rest is left alone."""
    files = [
        {**PAGE["files"][0], "filename": f"demo_pkg-0.{n}-py3-none-any.whl"}  # type: ignore[index]
        for n in range(10_000)
    ]
    body = json.dumps(PAGE | {"files": files + PAGE["files"]}).encode()  # type: ignore[operator]
    network.answer = (200, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, body)
    served = index.published(index.INDEXES["pypi"], package.distribution, Version("1.2.3"))
    assert list(served) == [WHEEL]
    assert len(network.asked) == 1


# ---- Workflow files ----------------------------------------------------------------------------------

# What GitHub takes in many places, and what a person may leave behind.
ODD: tuple[Any, ...] = ("${{ fromJSON(vars.SAID) }}", None, 3, ["x"], {"x": "y"})
UPLOADING = """\
name: CI
on:
  push: {branches: [main], tags: [v1]}
  workflow_run: {workflows: [CI]}
  workflow_dispatch: {inputs: {a: {type: string}}}
permissions: {contents: read, id-token: write}
concurrency: {group: a, cancel-in-progress: true}
env: {TOX_ENV: test}
defaults: {run: {shell: bash, working-directory: .}}
jobs:
  test:
    strategy: {matrix: {python: ["3.12"], include: [{os: ubuntu-latest, python: "3.13"}]}}
    runs-on: ${{ matrix.os }}
    env: {TOXENV: py}
    defaults: {run: {shell: bash}}
    steps:
      - {uses: actions/checkout@v4, with: {fetch-depth: 0}}
      - {uses: actions/setup-python@v6, with: {python-version: "${{ matrix.python }}"}}
      - {run: tox, env: {A: b}, working-directory: ., if: always(), continue-on-error: true}
      - {uses: pypa/cibuildwheel@v3, with: {output-dir: dist}, env: {CIBW_SKIP: "pp*"}}
      - {uses: actions/upload-artifact@v4, with: {name: dist, path: dist/}}
  called: {needs: test, uses: ./.github/workflows/x.yml, with: {a: b}, secrets: {TOKEN: "${{ secrets.T }}"}}
  publish:
    needs: [test]
    runs-on: ubuntu-latest
    environment: {name: pypi, url: x}
    container: {image: python}
    outputs: {a: "${{ steps.x.outputs.a }}"}
    permissions: {id-token: write}
    steps:
      - {uses: actions/download-artifact@v4, with: {name: dist}}
      - {uses: pypa/gh-action-pypi-publish@v1, with: {repository-url: "https://pypi.corp.example/"}}
      - {run: twine upload dist/*, env: {TWINE_PASSWORD: "${{ secrets.TOKEN }}"}}
      - {uses: EndBug/add-and-commit@v9, with: {tag: v1}}
"""


def with_one_odd(node: Any) -> Iterator[Any]:  # noqa: ANN401  (as YAML has it)
    """Copies of a document, in each of which one node is another one."""
    yield from ODD
    if isinstance(node, dict | list):
        for key in node if isinstance(node, dict) else range(len(node)):
            for other in with_one_odd(node[key]):
                made = copy.copy(node)
                made[key] = other
                yield made


def test_whatever_a_workflow_says_is_read_by_adopt_and_doctor(tmp_path: Path) -> None:
    """An expression, nothing, a number, or a list: each in the place of each part of a workflow."""
    package = Member("", "demo")
    git(tmp_path, "init", "--quiet")
    documents = list(with_one_odd(YAML(typ="safe").load(UPLOADING)))
    for document in documents:
        try:
            workflow = parse(tmp_path / ".github/workflows/ci.yml", json.dumps(document))
        except ReleaseError:
            continue
        publishing = {job.job for job in (*workflow.publishing_jobs(), *workflow.doubtful_jobs())}
        publishing_jobs.side_steps(
            workflow, publishing_jobs.going_jobs(workflow, publishing, set()), publishing
        )
        publishing_jobs.release_makers(workflow, ())
        publishing_jobs.find_bots([workflow])
        ci.find_ci([workflow], "main", [package, Member("other", "other")])
        repository = SimpleNamespace(
            root=tmp_path, folder="", pyproject="", workflows=(workflow,), backend="hatchling"
        )
        with contextlib.suppress(AdoptionError):
            compiled.read_building(repository)  # type: ignore[arg-type]
        context = Context(tmp_path, "", None, "demo", "octo-org/demo", "v", (workflow,))
        examine(context, checks())
    print(f"{len(documents)} workflows")
    assert len(documents) > 400
