"""A clone and its GitHub in this process, for commands that ask GitHub; see `emulator.github`."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shutil
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import pytest
import requests
from copier_pypi_release import cli, github
from emulator.github import HOSTS
from emulator.github.contract import operation_of
from emulator.github.git import GitRepo
from emulator.github.rest import RestApi
from emulator.github.store import Store, now
from emulator.scheduler import register
from release_lib import index
from release_lib.settings import Settings, load_settings
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from support.clock import Clock
from support.rendering import git
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from commands.scripts import run_in_process

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

OWNER = NAME = "demo-pkg"
ADDRESS = "http://github.local"
assert HOSTS  # the import registered every route
REPOSITORY = f"{OWNER}/{NAME}"


class Command(Protocol):
    """A command of a bench."""

    def __call__(self, *arguments: str) -> Outcome:
        """Run it with arguments."""


@dataclasses.dataclass
class Outcome:
    """What a command did.

    Attributes:
        status: Its exit status.
        printed: Its standard output.
        errors: Its standard error.
    """

    status: int
    printed: str
    errors: str

    @property
    def error_lines(self) -> tuple[str, ...]:
        """The four lines that it stopped with."""
        return tuple(self.errors.strip().splitlines())


class LocalGitHub:
    """GitHub with one repository, and the hands of a test on it.

    Args:
        root: Empty folder for its state.
        clone: What is pushed to it.

    Attributes:
        bare: The git repository.
        refusals: Method, pattern of the path, status and body of answers that a test puts in force.
        changes: Method and path of every request that could change something.
        lag: How many reads after a change are answered as before it, each path by its own last answer.
    """

    lag = 0

    def __init__(self, root: Path, clone: Path) -> None:
        self.store = Store(root)
        self.repo = self.store.create_repo(OWNER, NAME)
        repository = GitRepo(self.store, self.repo)
        repository.create()
        self.bare = repository.path
        git(self.bare, "fetch", "--quiet", "--no-tags", str(clone), "main:main")
        self.refusals: list[tuple[str, str, int, Any]] = []
        self.changes: list[str] = []
        self._read: dict[str, Response] = {}
        self._stale = 0
        self._api = RestApi(self.store, None)  # type: ignore[arg-type]  # nothing runs here

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; an index of the same address knows no project."""
        request = Request(environ)
        if request.method != "GET":
            self.changes.append(f"{request.method} {request.path}")
        for method, pattern, status, body in self.refusals:
            if request.method == method and re.search(pattern, request.path):
                if status < 400:
                    operation_of(method, request.path).check_answer(status, body)
                text = None if body is None else json.dumps(body)
                return Response(text, status)(environ, start_response)
        if request.path.startswith("/simple/"):
            return Response("404 Not Found", 404)(environ, start_response)
        if request.method != "GET":
            self._stale = self.lag
            return self._api(environ, start_response)
        if self._stale and request.full_path in self._read:
            self._stale -= 1
        else:
            self._read[request.full_path] = Response.from_app(self._api, environ, buffered=True)
        return self._read[request.full_path](environ, start_response)

    def token(self, login: str = OWNER, role: str = "") -> str:
        """A token of an account, which gets a role in the repository."""
        token = str(self.store.user(login)["token"])
        if role:
            self.repo["roles"][login] = role
        return token

    def team(self, slug: str) -> None:
        """Give a team access to the repository."""
        self.repo["teams"][slug] = {"id": self.store.new_id(), "slug": slug, "name": slug, "members": []}

    @property
    def client(self) -> github.GitHub:
        """The repository as its owner sees it."""
        return github.GitHub(REPOSITORY, self.token())

    def answers(self, method: str, pattern: str, body: Any, status: int = 200) -> None:  # noqa: ANN401  (JSON)
        """Let requests be answered in some way; for what the emulated GitHub does not know."""
        self.refusals.append((method, pattern, status, body))

    def state(self) -> str:
        """All settings, to compare before and after."""
        return json.dumps(dict(self.repo), sort_keys=True)

    def environment(self, name: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
        """Change and return an environment."""
        if name not in self.repo["environments"]:
            self.client.send("PUT", f"environments/{github.quoted(name)}")
            self.changes.clear()
        found: dict[str, Any] = self.repo["environments"][name]
        found.update(changes)
        return found

    def ci_ends(self, conclusion: str | None = "success", event: str = "push") -> None:
        """File a run of CI for the newest commit of main; in progress without a conclusion."""
        path, number = ".github/workflows/ci.yml", self.store.new_id()
        commit = git(self.bare, "rev-parse", "main").strip()
        run = {
            "id": number,
            "repository": REPOSITORY,
            "workflow_id": register(self.store, self.repo, path, {"name": "CI"})["id"],
            "path": path,
            "name": "CI",
            "title": "",
            "number": number,
            "attempt": 1,
            "event": event,
            "head_branch": "main",
            "head_sha": commit,
            "actor": OWNER,
            "triggering_actor": OWNER,
            "status": "completed" if conclusion else "in_progress",
            "conclusion": conclusion,
            **dict.fromkeys(("created_at", "run_started_at", "updated_at"), now()),
            **{part: [] for part in ("jobs", "approvals", "artifacts", "previous")},
        }
        self.store.add_run(self.repo, run)

    def ruleset(self, part: str) -> dict[str, Any]:
        """The ruleset with a word in its name."""
        found: dict[str, Any] = next(r for r in self.repo["rulesets"] if part in r["name"])
        return found


class InProcess(BaseAdapter):
    """Brings the requests of this process to a WSGI application, without a network.

    Args:
        app: The application.
    """

    def __init__(self, app: WSGIApplication) -> None:
        super().__init__()
        self._client = Client(app)

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401
        """Answer a request."""
        address = urlsplit(request.url or "")
        answer = self._client.open(
            str(address.path),
            method=request.method,
            query_string=str(address.query),
            headers=dict(request.headers),
            data=request.body,
        )
        made = requests.Response()
        made.status_code, made.headers = answer.status_code, CaseInsensitiveDict(answer.headers)
        made.raw, made.url, made.request = io.BytesIO(answer.data), request.url or "", request
        made.encoding = "utf-8"
        return made

    def close(self) -> None:
        """Nothing is open."""


class Bench:
    """A clone, its GitHub, and its maintainer.

    Args:
        clone: The clone; a command finds its settings and files there.
        github: GitHub.
        patch: Undone at the end of the test.

    Attributes:
        clock: The time that it waits in.
    """

    def __init__(self, clone: Path, github: LocalGitHub, patch: pytest.MonkeyPatch) -> None:
        self.clone = clone
        self.github = github
        self.patch = patch
        self.clock = Clock()
        patch.setenv("GH_TOKEN", github.token())

    @property
    def settings(self) -> Settings:
        """The settings of the clone."""
        return load_settings(self.clone / ".github/release/settings.toml")

    def run(self, name: str, *arguments: str, capsys: pytest.CaptureFixture[str]) -> Outcome:
        """Run a command in this process, in the clone."""
        with self.patch.context() as patch:
            patch.chdir(self.clone)
            capsys.readouterr()
            try:
                status = cli.main([name, *arguments])
            except SystemExit as end:
                status = int(str(end.code))
        shown = capsys.readouterr()
        return Outcome(status, shown.out, shown.err)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that is in a file of the clone."""
        file = self.clone / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new), encoding="utf-8")


def ready_bench(
    package: Path, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bench:
    """A bench of a repository that is set up; its first version has notes, a green CI, and no tag yet."""
    made = bench(package, folder, patch)
    git(made.clone, "tag", "--delete", "v0.1.0")
    git(made.clone, "remote", "set-url", "origin", str(made.github.bare))
    git(made.clone, "fetch", "--quiet")
    assert made.run("setup", "--yes", capsys=capsys).status == 0
    made.github.ci_ends()
    run_in_process(patch)
    return made


def bench(package: Path, folder: Path, patch: pytest.MonkeyPatch) -> Bench:
    """A bench with a copy of a rendered package, pushed to an empty repository.

    Args:
        package: The package, with its history.
        folder: Empty folder for the clone and GitHub's state.
        patch: Undone at the end of the test.
    """
    clone = folder / "clone"
    shutil.copytree(package, clone)
    git(clone, "remote", "add", "origin", f"https://github.com/{REPOSITORY}.git")
    local = LocalGitHub(folder / "github", clone)
    network, adapter = requests.Session.get_adapter, InProcess(local)
    made = Bench(clone, local, patch)
    patch.setattr(
        requests.Session,
        "get_adapter",
        lambda self, url: adapter if url.startswith(ADDRESS) else network(self, url),
    )
    patch.setattr(github, "API", ADDRESS)
    patch.setattr(github, "time", made.clock)
    for key, known in index.INDEXES.items():
        patch.setitem(index.INDEXES, key, index.Index(known.title, f"{ADDRESS}/simple/"))
    return made


@pytest.fixture
def desk(default_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A maintainer's clone of the default package, and an empty repository."""
    return bench(default_package, tmp_path, monkeypatch)


@pytest.fixture
def set_up_desk(desk: Bench, capsys: pytest.CaptureFixture[str]) -> Bench:
    """The same, set up."""
    assert desk.run("setup", "--yes", capsys=capsys).status == 0
    return desk
