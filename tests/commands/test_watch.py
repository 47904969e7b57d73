"""watch: what PyPI serves and the release workflow did not make, and what it left unfinished, in one issue.

An index in this process with the attestations of its files; GitHub's answers are those of the drills.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from copier_pypi_release import watching
from copier_pypi_release.console import counted
from copier_pypi_release.github import GitHub
from copier_pypi_release.issues import BOT
from emulator.github.releases import ASSET_HOST
from markdown_it import MarkdownIt
from release.local_index import LocalIndex, serving
from release_lib import index
from requests.adapters import BaseAdapter
from support.rendering import git

from commands.local_github import NAME, OWNER, bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commands.local_github import Bench, Outcome

WORKFLOW = ".github/workflows/release-watch.yml"
WHEEL, SDIST = "demo_pkg-1.2.3-py3-none-any.whl", "demo_pkg-1.2.3.tar.gz"
EXPOSED = "A token or an account was exposed"


class Assets(BaseAdapter):
    """The host of release assets, which GitHub leads clients to.

    Args:
        root: Root folder of GitHub's state.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401
        """Answer with a file; no token comes along."""
        assert "Authorization" not in request.headers
        made = requests.Response()
        made.status_code, made.url, made.request = 200, request.url or "", request
        made._content = (self.root / str(urlsplit(request.url or "").path).lstrip("/")).read_bytes()  # noqa: SLF001
        return made

    def close(self) -> None:
        """Nothing is open."""


class Scene:
    """A package that has released 1.2.3 well, eight days ago.

    Args:
        bench: Its clone and GitHub.
        pypi: Its index.
        capsys: Sees what is printed.
    """

    def __init__(self, bench: Bench, pypi: LocalIndex, capsys: pytest.CaptureFixture[str]) -> None:
        self.bench, self.pypi, self.capsys = bench, pypi, capsys
        self.yanked: dict[str, str] = {}
        self.status: dict[str, str] = {"status": "active"}
        self.repo = bench.github.repo
        answer = LocalIndex.page

        def page(project: str, names: list[str]) -> dict[str, Any]:
            shown: dict[str, Any] = answer(pypi, project, names)
            shown["project-status"] = self.status
            for file in shown["files"]:
                file["yanked"] = self.yanked.get(file["filename"], False)
            return shown

        bench.patch.setattr(pypi, "page", page)
        bench.patch.setitem(index.INDEXES, "pypi", pypi.index)
        bench.patch.setattr(watching, "time", type("Instant", (), {"sleep": staticmethod(lambda _: None)}))
        self.bot = bench.github.token(BOT, "write")
        bench.github.answers("GET", "^/user$", {"message": "Resource not accessible by integration"}, 403)
        inside, assets = requests.Session.get_adapter, Assets(bench.github.store.root)
        bench.patch.setattr(
            requests.Session,
            "get_adapter",
            lambda this, url: assets if url.startswith(f"https://{ASSET_HOST}") else inside(this, url),
        )
        self.upload(WHEEL, SDIST)
        self.tag("v1.2.3", days=9)
        self.release("v1.2.3", self.listed(WHEEL, SDIST))

    def upload(self, *names: str, days: float = 8, publisher: Any = "release.yml") -> None:  # noqa: ANN401
        """Upload files to PyPI, some days ago; without a publisher: with a token."""
        for name in names:
            self.pypi.files[name] = name.encode()
            self.pypi.uploaded[name] = ago(days)
            self.pypi.publishers[name] = {
                "kind": "GitHub",
                "repository": f"{OWNER}/{NAME}",
                "workflow": publisher,
                "environment": "pypi",
            }
            if publisher is None:
                del self.pypi.publishers[name]

    def listed(self, *names: str) -> str:
        """SHA256SUMS of files of PyPI."""
        return "".join(f"{hashlib.sha256(self.pypi.files[n]).hexdigest()}  {n}\n" for n in names)

    def release(self, tag: str, sums: str | None, *, draft: bool = False) -> None:
        """Make a GitHub Release with that SHA256SUMS."""
        client = self.bench.github.client
        client.send("POST", "releases", {"tag_name": tag, "draft": True})
        number = self.repo["releases"][-1]["id"]
        if sums is not None:
            path = f"releases/{number}/assets"
            client._request("POST", path, params={"name": "SHA256SUMS"}, data=sums.encode())  # noqa: SLF001
        if not draft:
            client.send("PATCH", f"releases/{number}", {"draft": False})

    def tag(self, name: str, *, days: float) -> None:
        """Tag a commit of some days ago."""
        clone = self.bench.clone
        date = ago(days)
        env = {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in env.items():
                patch.setenv(variable, value)
            git(clone, "commit", "--quiet", "--allow-empty", "--message", f"chore: {name}")
        git(clone, "tag", name)
        git(clone, "push", "--quiet", str(self.bench.github.bare), name)

    def run(self, *arguments: str, workflow: bool = True) -> Outcome:
        """Run the command."""
        with self.bench.patch.context() as patch:
            if workflow:
                patch.setenv("GITHUB_ACTIONS", "true")
                patch.setenv("GH_TOKEN", self.bot)
            return self.bench.run("watch", *arguments, capsys=self.capsys)

    def close(self, reason: str = "not_planned", token: str = "") -> None:
        """Close the only issue; without a token, as a maintainer does."""
        client = GitHub(f"{OWNER}/{NAME}", token) if token else self.bench.github.client
        change = {"state": "closed", "state_reason": reason}
        client.send("PATCH", f"issues/{self.issues()[0]['number']}", change)

    def issues(self, state: str = "open") -> list[dict[str, Any]]:
        """The issues in a state."""
        return [issue for issue in self.repo["issues"] if issue["state"] == state]

    def says(self, *texts: str) -> str:
        """Run it in the workflow: the only issue has these findings and no other. Return its text."""
        done = self.run()
        assert done.status == 0, done.errors
        (issue,) = self.issues()
        lines = [line[2:] for line in issue["body"].splitlines() if line.startswith("- ")]
        assert len(lines) == len(texts), lines
        for text, line in zip(texts, lines, strict=True):
            assert text in line
        assert issue["title"] == f"Release watch: {counted(len(texts), 'finding')}"
        assert issue["author"] == BOT
        return str(issue["body"])


def ago(days: float) -> str:
    """The time some days ago."""
    return f"{dt.datetime.now(dt.UTC) - dt.timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def pypi() -> Iterator[LocalIndex]:
    """PyPI."""
    with serving("PyPI") as local:
        yield local


@pytest.fixture
def scene(
    default_package: Path,
    pypi: LocalIndex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Scene:
    """A package whose release is in order."""
    return Scene(bench(default_package, tmp_path, monkeypatch), pypi, capsys)


# ---- What it notices --------------------------------------------------------------------------------


@pytest.mark.requirement("X14")
def test_a_release_that_is_in_order_opens_no_issue(scene: Scene) -> None:
    done = scene.run()
    assert (done.status, scene.repo["issues"]) == (0, [])
    assert watching.DONE[:-1] in done.printed


@pytest.mark.requirement("X14")
def test_a_file_uploaded_with_a_token_is_named_on_every_version(scene: Scene) -> None:
    """Of a new version, and beside the files of an old one."""
    scene.upload("demo_pkg-9.9.9-py3-none-any.whl", publisher=None, days=0)
    scene.upload("demo_pkg-1.2.3-py2-none-any.whl", publisher=None, days=0)
    body = scene.says(
        "`demo_pkg-9.9.9-py3-none-any.whl` on PyPI has no attestation",
        "`demo_pkg-1.2.3-py2-none-any.whl` on PyPI has no attestation",
        "`demo_pkg-1.2.3-py2-none-any.whl` on PyPI is not in SHA256SUMS of the GitHub Release",
    )
    assert EXPOSED in body


@pytest.mark.requirement("X14")
@pytest.mark.parametrize(
    ("field", "value"),
    [("repository", "mallory/demo-pkg"), ("workflow", "evil.yml"), ("environment", "test")],
)
def test_another_publisher_is_named(scene: Scene, field: str, value: str) -> None:
    publisher = scene.pypi.publishers[WHEEL]
    assert isinstance(publisher, dict)
    publisher[field] = value
    assert value in scene.says(f"`{WHEEL}` on PyPI was uploaded by `")


@pytest.mark.requirement("X14")
def test_other_contents_than_the_release_lists_are_named(scene: Scene) -> None:
    scene.pypi.files[WHEEL] = b"other"
    scene.says(f"`{WHEEL}` on PyPI has other contents than SHA256SUMS says")


@pytest.mark.requirement("X14")
def test_a_file_that_was_deleted_is_named(scene: Scene) -> None:
    del scene.pypi.files[SDIST]
    scene.says(f"`{SDIST}` on PyPI is missing there, and is in SHA256SUMS")
    scene.pypi.files.clear()
    scene.says("1.2.3 is published on GitHub, and PyPI has no file of it")


@pytest.mark.requirement("X14")
@pytest.mark.parametrize("status", ["quarantined", "archived"])
def test_the_status_of_the_project_is_named(scene: Scene, status: str) -> None:
    scene.status = {"status": status, "reason": "see **this**"}
    scene.says(f"PyPI calls the project `{status}`: `see **this**`")


@pytest.mark.requirement("X14")
def test_a_yank_is_named(scene: Scene) -> None:
    scene.yanked[WHEEL] = "Broken"
    scene.says("1.2.3 is yanked on PyPI: `Broken`")


@pytest.mark.requirement("X14")
def test_a_release_without_its_list_is_named(scene: Scene) -> None:
    scene.repo["releases"].clear()
    scene.release("v1.2.3", None)
    scene.says("The GitHub Release of 1.2.3 has no list SHA256SUMS")


@pytest.mark.requirement("X14")
@pytest.mark.parametrize("days", [6, 8])
@pytest.mark.parametrize("draft", [True, False])
def test_a_release_that_nobody_published_is_named_after_a_week(
    scene: Scene, days: float, *, draft: bool
) -> None:
    scene.upload(WHEEL, SDIST, days=days)
    scene.repo["releases"].clear()
    if draft:
        scene.release("v1.2.3", scene.listed(WHEEL, SDIST), draft=True)
    if days < 7:
        assert scene.run().status == 0
        assert scene.issues() == []
    else:
        scene.says("and its GitHub Release is")


@pytest.mark.requirement("X14")
def test_the_workflow_whose_token_sees_no_drafts_names_them_too(scene: Scene) -> None:
    scene.repo["releases"].clear()
    scene.release("v1.2.3", scene.listed(WHEEL, SDIST), draft=True)
    scene.repo["roles"][BOT] = "triage"
    scene.says("1.2.3 is on PyPI since ")


@pytest.mark.requirement("X14")
def test_a_tag_without_a_release_is_named_unless_it_is_young_or_a_newer_one_is_out(scene: Scene) -> None:
    scene.tag("v1.0.0", days=30)
    scene.tag("v1.3.0", days=8)
    scene.tag("v1.4.0", days=6)
    scene.tag("nightly-3", days=30)
    scene.says("The tag `v1.3.0` led to no release")


# ---- Files from before ------------------------------------------------------------------------------


@pytest.mark.requirement("X14")
def test_files_from_before_the_adoption_are_known_by_a_list(scene: Scene) -> None:
    old = "demo_pkg-0.9-py3-none-any.whl"
    scene.upload(old, publisher=None, days=500)
    scene.yanked[old] = "old"
    assert "--list-known" in scene.says(f"`{old}` on PyPI has no attestation", "yanked")
    done = scene.run("--list-known", workflow=False)
    assert done.status == 0, done.errors
    assert (scene.bench.clone / watching.KNOWN).read_text(encoding="utf-8").splitlines()[2:] == [
        scene.listed(old).strip()
    ]
    assert f"`{watching.KNOWN}` knows 1 older file." in scene.run().printed
    assert scene.issues() == []
    scene.pypi.files[old] = b"replaced"
    scene.says(f"`{old}` on PyPI has other contents than `{watching.KNOWN}` says")


@pytest.mark.requirement("X14")
def test_a_new_owner_is_named(scene: Scene) -> None:
    """Owners and maintainers may upload past the workflow, an organization's members too."""
    scene.pypi.ownership = {"organization": None, "roles": [{"role": "Owner", "user": "me"}]}
    assert "Nobody compares the owners on PyPI" in scene.run().printed
    assert scene.run("--list-known", workflow=False).status == 0
    assert "Nobody compares" not in scene.run().printed
    assert scene.issues() == []
    scene.pypi.ownership["roles"].append({"role": "Maintainer", "user": "mallory"})
    scene.pypi.ownership["organization"] = "Evil Corp"
    body = scene.says(
        "`Maintainer mallory` of the project on PyPI is not in", "`Organization Evil Corp` of the project"
    )
    assert EXPOSED in body
    scene.pypi.ownership = {"organization": None, "roles": []}
    scene.says("`Owner me` in `.github/release/known-owners.txt` is nobody's role on PyPI any more")


@pytest.mark.requirement("X14")
@pytest.mark.parametrize("said", [None, [], {"roles": None}, "Owner"])
def test_an_index_that_does_not_say_who_owns_is_named_where_a_list_is_kept(
    scene: Scene, said: object
) -> None:
    scene.pypi.ownership = said
    assert scene.run().status == 0
    assert scene.issues() == []
    (scene.bench.clone / watching.KNOWN_OWNERS).write_text("Owner me\n", encoding="utf-8")
    scene.says("PyPI does not say who owns the project")
    scene.pypi.ownership = {
        "roles": [{"role": "Owner", "user": "**you**\n- x"}, {"role": "Owner", "user": "me"}]
    }
    assert "`Owner **you** - x` of the project" in scene.says("is not in")


def test_a_list_that_is_none_ends_in_four_lines(scene: Scene) -> None:
    (scene.bench.clone / watching.KNOWN).write_text("abc\n", encoding="utf-8")
    done = scene.run()
    assert done.status == 1
    assert len(done.error_lines) == 4
    assert scene.issues() == []


# ---- One issue --------------------------------------------------------------------------------------


@pytest.mark.requirement("X14")
def test_there_is_one_issue_refreshed_and_closed_when_all_is_well(scene: Scene) -> None:
    scene.yanked[WHEEL] = "Broken"
    scene.says("yanked")
    scene.bench.github.changes.clear()
    scene.says("yanked")
    assert scene.bench.github.changes == []
    scene.status = {"status": "archived"}
    scene.says("archived", "yanked")
    assert len(scene.repo["issues"]) == 1
    scene.status, scene.yanked = {"status": "active"}, {}
    assert scene.run().status == 0
    assert [issue["body"] for issue in scene.issues("closed")] == [watching.DONE]
    scene.yanked[WHEEL] = "Broken"
    scene.says("yanked")  # again, so it is said again


@pytest.mark.requirement("X14")
def test_what_a_person_closed_is_not_said_again_and_what_is_new_is(scene: Scene) -> None:
    scene.yanked[WHEEL] = "Broken"
    scene.says("yanked")
    scene.close()
    assert "Known by an issue that was closed" in scene.run().printed
    assert scene.issues() == []
    scene.upload("demo_pkg-9.9.9-py3-none-any.whl", publisher=None, days=0)
    scene.says("`demo_pkg-9.9.9-py3-none-any.whl` on PyPI has no attestation")


@pytest.mark.requirement("X14")
@pytest.mark.parametrize("who", ["a commit", "a bot"])
def test_what_no_person_closed_on_purpose_is_said_again(scene: Scene, who: str) -> None:
    """A commit that "closes" the issue does it as completed, a bot as it likes."""
    scene.yanked[WHEEL] = "Broken"
    scene.says("yanked")
    scene.close(*(["completed"] if who == "a commit" else ["not_planned", scene.bot]))
    scene.says("yanked")


@pytest.mark.requirement("X14")
def test_files_are_known_by_the_lists_alone(scene: Scene) -> None:
    """Who may close issues may be who uploaded the file; a list is a commit, which is reviewed."""
    scene.upload("demo_pkg-9.9.9-py3-none-any.whl", publisher=None, days=0)
    scene.says("`demo_pkg-9.9.9-py3-none-any.whl` on PyPI has no attestation")
    scene.close()
    scene.says("`demo_pkg-9.9.9-py3-none-any.whl` on PyPI has no attestation")
    assert scene.run("--list-known", workflow=False).status == 0
    assert scene.run().status == 0
    assert scene.issues() == []


@pytest.mark.requirement("X14")
@pytest.mark.parametrize(
    "name", ["demo_pkg-1.2.3-py3.11.egg", "demo-pkg-1.2.3.win-amd64.exe", "demo-pkg-1.2.3.zip.asc"]
)
def test_a_file_whose_name_no_installer_of_today_reads_is_named(scene: Scene, name: str) -> None:
    scene.upload(name, publisher=None, days=0)
    scene.says(f"`{name}` on PyPI has no attestation")


@pytest.mark.requirement("X14")
def test_a_file_that_is_listed_twice_is_named(scene: Scene) -> None:
    scene.pypi.twice = [WHEEL]
    scene.says(f"`{WHEEL}` is listed more than once on PyPI")


@pytest.mark.requirement("X14", "X17")
def test_a_strangers_issue_neither_serves_nor_silences(scene: Scene) -> None:
    """Open, it is left alone; closed, its lines are nobody's word."""
    scene.yanked[WHEEL] = "Broken"
    said = "- 1.2.3 is yanked on PyPI: `Broken`"
    for state in ("open", "closed"):
        scene.bench.github.client.send("POST", "issues", {"title": "Release watch: 1 finding", "body": said})
        number = scene.repo["issues"][-1]["number"]
        scene.bench.github.client.send("PATCH", f"issues/{number}", {"state": state})
    assert scene.run().status == 0
    assert [issue["author"] for issue in scene.issues()] == [OWNER, BOT]
    scene.yanked.clear()
    assert scene.run().status == 0
    assert [issue["author"] for issue in scene.issues()] == [OWNER]


@pytest.mark.requirement("X14")
def test_doctor_and_status_say_the_same(scene: Scene) -> None:
    def said() -> tuple[str, list[str]]:
        found = json.loads(scene.bench.run("doctor", "--json", capsys=scene.capsys).printed)
        state = json.loads(scene.bench.run("status", "v1.2.3", "--json", capsys=scene.capsys).printed)
        return next(f["result"] for f in found if f["check"] == "published-files"), state["alarms"]

    assert said() == ("pass", [])
    scene.yanked[WHEEL] = "Broken"
    assert said() == ("fail", ["1.2.3 is yanked on PyPI: `Broken`"])
    assert "1.2.3 is yanked on PyPI: `Broken`" in scene.bench.run("doctor", capsys=scene.capsys).printed
    assert (
        "1.2.3 is yanked on PyPI: `Broken`"
        in scene.bench.run("status", "v1.2.3", capsys=scene.capsys).printed
    )
    scene.says("yanked")
    scene.close()
    assert said() == ("pass", [])


def test_outside_of_a_workflow_it_prints_and_fails(scene: Scene) -> None:
    scene.yanked[WHEEL] = "Broken"
    done = scene.run(workflow=False)
    assert done.status == 1
    assert "- 1.2.3 is yanked on PyPI: `Broken`" in done.printed
    assert scene.repo["issues"] == []


@pytest.mark.requirement("X14")
@pytest.mark.parametrize("failures", [[503], [503] * 4])
def test_an_index_that_does_not_answer_makes_the_run_red_and_closes_nothing(
    scene: Scene, failures: list[int]
) -> None:
    scene.yanked[WHEEL] = "Broken"
    scene.says("yanked")
    scene.yanked.clear()
    scene.pypi.failures = list(failures)
    done = scene.run()
    assert done.status == (len(failures) > 1)
    assert len(scene.issues()) == (len(failures) > 1)


@pytest.mark.requirement("X14", "X17")
def test_more_than_an_issue_can_say_leaves_the_issue(scene: Scene) -> None:
    """Whoever has a token would else silence the watch with many files, an owner with a long reason."""
    scene.yanked[WHEEL] = "x" * 70_000
    scene.upload(*(f"demo_pkg-1.2.4-{n}{'x' * 250}-py3-none-any.whl" for n in range(195)), publisher=None)
    done = scene.run()
    assert done.status == 0, done.errors
    (issue,) = scene.issues()
    found = [line for line in issue["body"].splitlines() if line.startswith("- ")]
    assert len(found) > 100
    assert found[-1].endswith(" more, which `uv run .github/release/tool.py watch` shows")
    assert "What to do:" in issue["body"]
    scene.pypi.files = {name: data for name, data in scene.pypi.files.items() if "1.2.4" not in name}
    scene.says("is yanked on PyPI: `xxx")


@pytest.mark.requirement("X17")
@pytest.mark.parametrize(
    "hostile", ["@octocat", "<img src=x>", "``` \n# a", "`@a`", "a\u202e\x1b[2J", "- x\n- y"]
)
def test_the_words_of_others_are_code(scene: Scene, hostile: str) -> None:
    scene.yanked[WHEEL] = "harmless"
    harmless = kinds(scene.says("yanked"))
    scene.yanked[WHEEL] = hostile
    body = scene.says("yanked")
    assert kinds(body) == harmless
    assert body.replace("\n", "").isprintable()


def kinds(markdown: str) -> list[tuple[str, list[str]]]:
    """The kinds of the tokens of a Markdown text."""
    return [(t.type, [c.type for c in t.children or ()]) for t in MarkdownIt().parse(markdown)]
