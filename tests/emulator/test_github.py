"""GitHub's side behaves to the real `gh` and `git` as GitHub documents it."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from emulator.developer import PINS, Clone
from emulator.github import rules
from emulator.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests of the module; each makes a repository of its own."""
    with Sandbox(tmp_path_factory.mktemp("github") / "sandbox") as sandbox:
        yield sandbox


@pytest.fixture
def clone(sandbox: Sandbox) -> Clone:
    """A clone of a fresh repository with one commit on main, by its owner."""
    repo = sandbox.github.create_repo("octo", f"demo-{next(NUMBERS)}")
    clone = Clone(sandbox, repo)
    clone.commit({"README.md": "# Demo"}, "First")
    clone.push("main")
    return clone


def member(clone: Clone, role: str) -> Clone:
    """Return a clone of the same repository by somebody with another role."""
    login = f"{role}-{next(NUMBERS)}"
    clone.sandbox.github.add_collaborator(clone.repo, login, role)
    return Clone(clone.sandbox, clone.repo, login)


def api(clone: Clone, path: str, *args: str, check: bool = True) -> Any:  # noqa: ANN401 - JSON
    """Return what `gh api` answers, as data."""
    done = clone.gh("api", f"repos/{clone.repo}{path}", *args, check=check)
    return json.loads(done.stdout) if done.stdout.strip() else None


def send(clone: Clone, method: str, path: str, body: object, *, check: bool = True) -> Any:  # noqa: ANN401 - JSON
    """Send a JSON body with `gh api` and return the answer."""
    done = clone.sandbox.run(
        ["gh", "api", "-X", method, f"repos/{clone.repo}{path}", "--input", "-"],
        env=clone.env,
        stdin=json.dumps(body),
        check=check,
    )
    return json.loads(done.stdout) if done.stdout.strip() else None


class TestGit:
    """Clone, fetch, push."""

    def test_push_and_clone(self, clone: Clone) -> None:
        """What one pushes another gets, tags with their messages included."""
        clone.tag("v1")
        other = Clone(clone.sandbox, clone.repo)
        assert other.head() == clone.head()
        assert other.git("cat-file", "-t", "v1").stdout.strip() == "tag"

    def test_a_large_push(self, clone: Clone) -> None:
        """A body that git sends in chunks arrives."""
        (clone.folder / "big").write_bytes(hashlib.shake_256(b"x").digest(3_000_000))
        clone.commit({})
        clone.push("main")
        assert clone.sandbox.github.refs(clone.repo)["refs/heads/main"] == clone.head()

    def test_anonymous_reads_public_only(self, clone: Clone) -> None:
        """Without a token public repositories can be read, private ones not, none written."""
        sandbox, address = clone.sandbox, f"https://github.com/{clone.repo}"
        sandbox.run(["git", "ls-remote", address])
        pushed = sandbox.run(["git", "push", address, "HEAD:x"], cwd=clone.folder, check=False)
        assert pushed.returncode
        sandbox.github.settings(clone.repo, private=True)
        assert sandbox.run(["git", "ls-remote", address], check=False).returncode

    @pytest.mark.requirement("P2.4")
    @pytest.mark.parametrize(("role", "allowed"), [("read", False), ("write", True)])
    def test_push_needs_write(self, clone: Clone, role: str, *, allowed: bool) -> None:
        """Who may only read cannot push; GitHub says to whom it was denied."""
        other = member(clone, role)
        other.commit({"x": "1"})
        done = other.git("push", "origin", "HEAD:topic", check=False)
        assert (done.returncode == 0) is allowed
        denied = f"Permission to {clone.repo}.git denied to {other.login}"
        assert (denied in done.stderr) is not allowed

    def test_credential_helper(self, clone: Clone) -> None:
        """Git asks gh for the token when it is refused without one."""
        helper = {"GIT_CONFIG_KEY_0": "credential.helper"}
        clone.env |= {**helper, "GIT_CONFIG_VALUE_0": "!gh auth git-credential"}
        clone.commit({"x": "1"})
        clone.push("main")
        statuses = [entry["status"] for entry in clone.sandbox.journal()[-3:]]
        assert statuses == [401, 200, 200]

    def test_bad_token(self, clone: Clone) -> None:
        """A token that nobody has is refused by git and by gh."""
        helper = {"GIT_CONFIG_KEY_0": "credential.helper"}
        clone.env |= {**helper, "GIT_CONFIG_VALUE_0": "!gh auth git-credential"}
        clone.env["GH_TOKEN"] = "ghp_wrong"  # noqa: S105 - it is meant to be wrong
        assert "Invalid username or token" in clone.git("push", "origin", "main", check=False).stderr
        assert "Bad credentials" in clone.gh("api", "user", check=False).stderr
        assert clone.gh("auth", "status", check=False).returncode == 1

    def test_renamed_repository(self, clone: Clone) -> None:
        """The old name goes on leading to the repository."""
        new = clone.sandbox.github.rename(clone.repo, f"renamed-{next(NUMBERS)}")
        clone.commit({"x": "1"})
        clone.push("main")
        assert clone.sandbox.github.refs(new)["refs/heads/main"] == clone.head()
        assert api(clone, "")["full_name"] == new

    def test_pushed_refs_are_checked_by_rest(self, clone: Clone) -> None:
        """The REST API shows refs, tag objects, commits and files as pushed."""
        clone.tag("v1")
        ref = api(clone, "/git/ref/tags/v1")["object"]
        assert ref["type"] == "tag"
        assert api(clone, f"/git/tags/{ref['sha']}")["object"]["sha"] == clone.head()
        assert api(clone, "/commits/v1")["sha"] == clone.head()
        assert api(clone, "/contents/README.md")["content"].strip() == "IyBEZW1v"
        assert api(clone, "/git/ref/tags/v2", check=False)["status"] == "404"
        assert api(clone, "/compare/v1...main")["status"] == "identical"


CREATION = {
    "name": "who may tag",
    "target": "tag",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["refs/tags/v*"], "exclude": []}},
    "rules": [{"type": "creation"}],
    "bypass_actors": [
        {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"},
        {"actor_id": 2, "actor_type": "RepositoryRole", "bypass_mode": "always"},
    ],
}
FIXED = {
    **CREATION,
    "name": "tags stay",
    "rules": [{"type": "update"}, {"type": "deletion"}, {"type": "non_fast_forward"}],
    "bypass_actors": [],
}


class TestRulesets:
    """Tag rules as code, enforced on every way to a ref."""

    @pytest.mark.requirement("P2.4", "X8")
    @pytest.mark.parametrize(("role", "allowed"), [("write", False), ("maintain", True), ("admin", True)])
    def test_who_may_create(self, clone: Clone, role: str, *, allowed: bool) -> None:
        """Tags that match are for the roles that bypass; other tags are for everybody."""
        send(clone, "POST", "/rulesets", CREATION)
        other = member(clone, role)
        other.git("tag", "v1")
        other.git("tag", "note")
        done = other.git("push", "origin", "v1", check=False)
        assert (done.returncode == 0) is allowed
        if not allowed:
            assert "GH013: Repository rule violations found for refs/tags/v1" in done.stderr
            assert "Cannot create ref due to creations being restricted." in done.stderr
        other.push("note")
        path, head = f"repos/{clone.repo}/git/refs", other.head()
        args = ["-f", "ref=refs/tags/v2", "-f", f"sha={head}"]
        assert (other.gh("api", path, *args, check=False).returncode == 0) is allowed

    @pytest.mark.requirement("X8")
    def test_nobody_moves_or_deletes(self, clone: Clone) -> None:
        """Without bypass not even an administrator moves or deletes a tag."""
        send(clone, "POST", "/rulesets", FIXED)
        clone.tag("v1")
        before = clone.sandbox.github.refs(clone.repo)
        deleted = clone.git("push", "origin", ":v1", check=False)
        assert "Cannot delete this ref" in deleted.stderr
        clone.commit({"x": "1"})
        clone.git("tag", "--force", "v1")
        moved = clone.git("push", "--force", "origin", "v1", check=False)
        assert "Cannot update this protected ref." in moved.stderr
        gone = clone.gh("api", "-X", "DELETE", f"repos/{clone.repo}/git/refs/tags/v1", check=False)
        assert "Repository rule violations found" in gone.stderr + gone.stdout
        assert clone.sandbox.github.refs(clone.repo) == before

    def test_gh_ruleset(self, clone: Clone) -> None:
        """`gh ruleset list` and `view` show what was made; only administrators make it."""
        number = str(send(clone, "POST", "/rulesets", CREATION)["id"])
        assert "who may tag" in clone.gh("ruleset", "list").stdout
        assert "creation" in clone.gh("ruleset", "view", number).stdout
        send(clone, "PUT", f"/rulesets/{number}", {"enforcement": "disabled"})
        assert api(clone, f"/rulesets/{number}")["enforcement"] == "disabled"
        other = member(clone, "maintain")
        assert send(other, "POST", "/rulesets", FIXED, check=False)["status"] == "403"
        assert "bypass_actors" not in api(other, f"/rulesets/{number}")
        bad = {**CREATION, "name": "x", "conditions": {"ref_name": {"include": ["v*"]}}}
        assert "Invalid target patterns" in send(clone, "POST", "/rulesets", bad, check=False)["message"]

    @pytest.mark.parametrize(
        ("pattern", "ref", "matches"),
        [
            ("refs/tags/v*", "refs/tags/v1.0", True),
            ("refs/tags/v*", "refs/tags/v1/x", False),
            ("refs/tags/**/*", "refs/tags/a/b", True),
            ("refs/heads/[!x]?", "refs/heads/ab", True),
            ("refs/heads/[!x]?", "refs/heads/xb", False),
        ],
    )
    def test_patterns(self, pattern: str, ref: str, *, matches: bool) -> None:
        """Patterns are Ruby's File.fnmatch with FNM_PATHNAME."""
        assert rules.fnmatch_ref(pattern, ref) is matches


class TestReleases:
    """`gh release` from draft to published."""

    def draft(self, clone: Clone, *files: str) -> None:
        """Tag v1 and draft its release."""
        for name in files:
            (clone.folder / name).write_text(name, encoding="utf-8")
        clone.tag("v1")
        (clone.folder / "notes.md").write_text("## Fixes\n", encoding="utf-8")
        args = ["--draft", "--verify-tag", "--notes-file", "notes.md", "--title", "One", *files]
        clone.gh("release", "create", "v1", *args)

    @pytest.mark.requirement("P7.1")
    def test_draft(self, clone: Clone) -> None:
        """A draft is found by gh (GraphQL), not by REST's tag, and only by who may push."""
        self.draft(clone, "a.txt")
        shown = json.loads(clone.gh("release", "view", "v1", "--json", "isDraft,body,assets").stdout)
        assert (shown["isDraft"], shown["body"]) == (True, "## Fixes\n")
        asset = shown["assets"][0]
        digest = hashlib.sha256(b"a.txt").hexdigest()
        assert (asset["digest"], asset["size"], asset["state"]) == (
            *(f"sha256:{digest}", 5),
            "uploaded",
        )
        assert api(clone, "/releases/tags/v1", check=False)["status"] == "404"
        reader = member(clone, "read")
        assert "release not found" in reader.gh("release", "view", "v1", check=False).stderr
        assert json.loads(reader.gh("release", "list", "--json", "tagName").stdout) == []

    def test_verify_tag(self, clone: Clone) -> None:
        """`--verify-tag` makes nothing for a tag that is not there."""
        done = clone.gh("release", "create", "v9", "--draft", "--verify-tag", check=False)
        assert "tag v9 doesn't exist" in done.stderr
        assert clone.sandbox.github.releases(clone.repo) == []

    def test_notes_that_are_too_long(self, clone: Clone) -> None:
        """125,000 characters are taken, one more is not, in a new release or a changed one."""
        self.draft(clone)
        notes = clone.folder / "notes.md"
        for size, taken in ((125_000, True), (125_001, False)):
            notes.write_text("é" * size, encoding="utf-8")
            done = clone.gh("release", "edit", "v1", "--notes-file", "notes.md", check=False)
            assert (done.returncode == 0) == taken, done.stderr
        assert "body is too long (maximum is 125000 characters)" in done.stderr
        args = ("--draft", "--target", "main", "--notes-file", "notes.md")
        assert "body is too long" in clone.gh("release", "create", "v2", *args, check=False).stderr

    @pytest.mark.requirement("P8.8")
    def test_assets(self, clone: Clone) -> None:
        """A name is used once, unless it is overwritten; downloads give the same bytes."""
        self.draft(clone, "a.txt")
        (clone.folder / "a.txt").write_text("other", encoding="utf-8")
        again = clone.gh("release", "upload", "v1", "a.txt", check=False)
        assert "asset under the same name already exists" in again.stderr
        number = clone.sandbox.github.releases(clone.repo)[0]["id"]
        where = f"https://uploads.github.com/repos/{clone.repo}/releases/{number}/assets?name=a.txt"
        refused = clone.gh("api", where, "-X", "POST", "--input", "a.txt", check=False)
        assert "already_exists" in refused.stdout
        clone.gh("release", "upload", "v1", "a.txt", "--clobber")
        clone.gh("release", "download", "v1", "--dir", "down")
        assert (clone.folder / "down" / "a.txt").read_text() == "other"
        release = clone.sandbox.github.releases(clone.repo)[0]
        assert release["assets"] == {"a.txt": b"other"}
        clone.gh("release", "delete-asset", "v1", "a.txt", "--yes")
        assert clone.sandbox.github.releases(clone.repo)[0]["assets"] == {}

    def test_upload_fault(self, clone: Clone) -> None:
        """An upload that the host answers with 502 leaves the draft without that asset."""
        self.draft(clone)
        (clone.folder / "a.txt").write_text("a", encoding="utf-8")
        clone.sandbox.fault("status", host="uploads.github.com", status=502, times=None)
        assert clone.gh("release", "upload", "v1", "a.txt", check=False).returncode
        clone.sandbox.clear_faults()
        assert clone.sandbox.github.releases(clone.repo)[0]["assets"] == {}

    @pytest.mark.requirement("P8.2")
    def test_a_new_draft_is_found_late(self, clone: Clone) -> None:
        """The first look-ups miss a draft, and gh says what it says on GitHub."""
        clone.sandbox.github.settings(clone.repo, release_lag=2)
        self.draft(clone, "a.txt")
        assert "release not found" in clone.gh("release", "view", "v1", check=False).stderr
        assert json.loads(clone.gh("release", "list", "--json", "tagName").stdout) == []
        assert json.loads(clone.gh("release", "list", "--json", "tagName").stdout) == [{"tagName": "v1"}]
        assert clone.gh("release", "view", "v1").stdout

    @pytest.mark.requirement("P8.7")
    def test_names_of_assets(self, clone: Clone) -> None:
        """GitHub replaces what it does not like in a name by dots; gh knows and overwrites that name."""
        self.draft(clone, "demo-1!2.0~a_b+c@d.whl")
        shown = clone.sandbox.github.releases(clone.repo)[0]["assets"]
        assert [*shown] == ["demo-1.2.0.a_b+c@d.whl"]
        clone.gh("release", "upload", "v1", "demo-1!2.0~a_b+c@d.whl", "--clobber")
        assert [*clone.sandbox.github.releases(clone.repo)[0]["assets"]] == [*shown]

    @pytest.mark.requirement("U5")
    def test_latest_is_what_was_published_last(self, clone: Clone) -> None:
        """Publishing makes a release "Latest", whatever its version and whatever its draft asked for."""
        clone.gh("release", "create", "v2", "--notes", "x", "--target", "main")
        self.draft(clone)
        clone.gh("release", "edit", "v1", "--latest=false")
        clone.gh("release", "edit", "v1", "--draft=false")
        assert api(clone, "/releases/latest")["tag_name"] == "v1"
        clone.gh("release", "edit", "v2", "--latest")
        assert api(clone, "/releases/latest")["tag_name"] == "v2"
        clone.gh("release", "edit", "v1", "--latest=false")
        assert api(clone, "/releases/latest")["tag_name"] == "v2"

    @pytest.mark.requirement("U5")
    def test_publishing(self, clone: Clone) -> None:
        """A pre-release is never "Latest"; the next release is."""
        self.draft(clone, "a.txt")
        clone.gh("release", "edit", "v1", "--draft=false", "--prerelease", "--latest=false")
        assert api(clone, "/releases/tags/v1")["prerelease"] is True
        assert api(clone, "/releases/latest", check=False)["status"] == "404"
        clone.gh("release", "create", "v2", "--notes", "x", "--target", "main")
        assert api(clone, "/releases/latest")["tag_name"] == "v2"
        assert "refs/tags/v2" in clone.sandbox.github.refs(clone.repo)
        taken = clone.gh("release", "create", "v2", "--notes", "x", check=False)
        assert taken.returncode == 1

    def test_immutable(self, clone: Clone) -> None:
        """With immutable releases publishing freezes tag and assets; notes stay editable."""
        assert api(clone, "/immutable-releases", check=False) is None
        clone.gh("api", "-X", "PUT", f"repos/{clone.repo}/immutable-releases")
        assert api(clone, "/immutable-releases")["enabled"] is True
        self.draft(clone, "a.txt")
        clone.gh("release", "upload", "v1", "a.txt", "--clobber")
        clone.gh("release", "edit", "v1", "--draft=false")
        (clone.folder / "b.txt").write_text("b", encoding="utf-8")
        assert clone.gh("release", "upload", "v1", "b.txt", check=False).returncode
        assert clone.gh("release", "delete-asset", "v1", "a.txt", "--yes", check=False).returncode
        assert "immutable release" in clone.git("push", "origin", ":v1", check=False).stderr
        clone.gh("release", "edit", "v1", "--notes", "Better")
        release = clone.sandbox.github.releases(clone.repo)[0]
        assert (release["body"], [*release["assets"]]) == ("Better", ["a.txt"])


class TestIssues:
    """`gh issue`."""

    @pytest.mark.requirement("B7")
    def test_life_of_an_issue(self, clone: Clone) -> None:
        """Create with a label, find, comment, edit, close."""
        clone.gh("label", "create", "release", "--color", "ff0000")
        clone.gh("issue", "create", "--title", "v1 failed", "--body", "b", "--label", "release")
        keys = "number,title,labels"
        for query in (["--label", "release"], ["--search", "v1 failed in:title"]):
            found = json.loads(clone.gh("issue", "list", *query, "--json", keys).stdout)
            assert [(i["number"], i["labels"][0]["name"]) for i in found] == [(1, "release")]
        assert json.loads(clone.gh("issue", "list", "--label", "bug", "--json", keys).stdout) == []
        clone.gh("issue", "comment", "1", "--body", "again")
        clone.gh("issue", "edit", "1", "--add-label", "bug", "--remove-label", "release")
        clone.gh("issue", "close", "1", "--comment", "done", "--reason", "completed")
        issue = clone.sandbox.github.issues(clone.repo)[0]
        assert (issue["state"], issue["labels"]) == ("closed", ["bug"])
        assert [c["body"] for c in issue["comments"]] == ["again", "done"]
        shown = clone.gh("issue", "view", "1", "--json", "state,comments").stdout
        assert json.loads(shown)["state"] == "CLOSED"
        assert json.loads(clone.gh("issue", "list", "--json", keys).stdout) == []

    def test_rest(self, clone: Clone) -> None:
        """The same through REST, where an unknown label is made."""
        send(clone, "POST", "/issues", {"title": "x", "labels": ["new"]})
        assert api(clone, "/issues?labels=new&state=open")[0]["title"] == "x"
        assert api(clone, "/labels/new")["name"] == "new"
        send(clone, "PATCH", "/issues/1", {"state": "closed"})
        assert api(clone, "/issues?state=open") == []

    def test_outsider(self, clone: Clone) -> None:
        """Anybody may report, but not label or close."""
        outsider = Clone(clone.sandbox, clone.repo, "passer-by")
        send(outsider, "POST", "/issues", {"title": "x", "labels": ["bug"]})
        assert clone.sandbox.github.issues(clone.repo)[0]["labels"] == []
        refused = send(outsider, "PATCH", "/issues/1", {"state": "closed"}, check=False)
        assert refused["status"] == "403"


WORKFLOW = {
    "name": "CI",
    "on": {"push": {"branches": ["main"]}, "workflow_dispatch": {}},
    "jobs": {
        "a": {
            "runs-on": "ubuntu-24.04",
            "steps": [
                {"name": "Say", "run": "echo said; echo '::error title=T::wrong'; echo x > f"},
                {"uses": PINS["upload"], "with": {"name": "art", "path": "f"}},
            ],
        }
    },
}


class TestRuns:
    """`gh run` and `gh workflow`."""

    def started(self, clone: Clone) -> str:
        """Push the workflow and return the id of its finished run."""
        clone.commit({".github/workflows/ci.yml": json.dumps(WORKFLOW)}, "Add CI")
        clone.push("main")
        clone.sandbox.wait_idle(60)
        return str(clone.sandbox.github.runs(clone.repo)[0]["id"])

    @pytest.mark.requirement("S2")
    def test_verdict_of_a_commit(self, clone: Clone) -> None:
        """The question whether CI passed on a commit has an answer: one, other, none."""
        run = self.started(clone)
        query = f"/actions/workflows/ci.yml/runs?head_sha={clone.head()}&status=success"
        assert [r["id"] for r in api(clone, query)["workflow_runs"]] == [int(run)]
        assert api(clone, query.replace("success", "failure"))["total_count"] == 0
        assert api(clone, query.replace(clone.head(), "0" * 40))["total_count"] == 0
        checks = api(clone, f"/commits/{clone.head()}/check-runs")["check_runs"]
        assert [(c["name"], c["conclusion"]) for c in checks] == [("a", "success")]
        assert api(clone, "/actions/workflows/no.yml/runs", check=False)["status"] == "404"

    @pytest.mark.requirement("P8.5")
    def test_list_and_view(self, clone: Clone) -> None:
        """`gh run list` and `view` show status, jobs, annotations, logs and artifacts."""
        run = self.started(clone)
        keys = "databaseId,conclusion,workflowName,headSha,displayTitle,attempt"
        query = ["--workflow", "ci.yml", "--commit", clone.head(), "--json", keys]
        assert json.loads(clone.gh("run", "list", *query).stdout) == [
            {
                "databaseId": int(run),
                "conclusion": "success",
                "workflowName": "CI",
                "headSha": clone.head(),
                "displayTitle": "Add CI",
                "attempt": 1,
            }
        ]
        page = clone.gh("run", "view", run).stdout
        assert "✓ a in" in page
        assert "wrong" in page
        assert "art" in page
        assert "said" in clone.gh("run", "view", run, "--log").stdout
        jobs = json.loads(clone.gh("run", "view", run, "--json", "jobs").stdout)["jobs"]
        assert [step["name"] for step in jobs[0]["steps"]][1] == "Say"
        clone.gh("run", "watch", run, "--exit-status")

    def test_download(self, clone: Clone) -> None:
        """`gh run download` unpacks an artifact; REST gives the ZIP."""
        run = self.started(clone)
        clone.gh("run", "download", run, "--name", "art", "--dir", "got")
        assert (clone.folder / "got" / "f").read_text() == "x\n"
        found = api(clone, f"/actions/runs/{run}/artifacts")["artifacts"][0]
        data = clone.sandbox.github.artifact(int(run), "art")
        assert found["digest"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.namelist() == ["f"]

    def test_workflows(self, clone: Clone) -> None:
        """`gh workflow` lists, runs, disables; a disabled workflow does not start."""
        self.started(clone)
        assert "CI\tactive" in clone.gh("workflow", "list").stdout
        clone.gh("workflow", "run", "ci.yml")
        clone.sandbox.wait_idle(60)
        assert len(clone.sandbox.github.runs(clone.repo, event="workflow_dispatch")) == 1
        clone.gh("workflow", "disable", "ci.yml")
        clone.commit({"x": "1"})
        clone.push("main")
        assert len(clone.sandbox.github.runs(clone.repo)) == 2
        reader = member(clone, "read")
        assert reader.gh("workflow", "run", "ci.yml", check=False).returncode

    def test_statuses(self, clone: Clone) -> None:
        """Commit statuses: the newest of each context counts."""
        for state in ("pending", "failure", "success"):
            send(clone, "POST", f"/statuses/{clone.head()}", {"state": state, "context": "ci"})
        assert api(clone, "/commits/main/status")["state"] == "success"


class TestPullRequests:
    """What a workflow and its maintainer do with pull requests."""

    def test_open_refresh_close(self, clone: Clone) -> None:
        """One for a head and a base; listed with issues too; a draft stays one: no PATCH changes that."""
        clone.git("switch", "--quiet", "--create", "topic")
        clone.commit({"x": "1"}, "Topic")
        clone.push("topic")
        said = {"title": "A", "body": "a", "head": "topic", "base": "main", "draft": True}
        number = send(clone, "POST", "/pulls", said)["number"]
        again = send(clone, "POST", "/pulls", said, check=False)
        assert again["errors"][0]["message"] == "A pull request already exists for octo:topic."
        assert send(clone, "POST", "/pulls", {**said, "head": "no"}, check=False)["status"] == "422"
        refused = send(clone, "PATCH", f"/pulls/{number}", {"draft": False}, check=False)
        assert "'draft' was unexpected" in refused["message"]
        changed = send(clone, "PATCH", f"/pulls/{number}", {"title": "B"})
        assert (changed["title"], changed["body"], changed["draft"]) == ("B", "a", True)
        assert [pull["number"] for pull in api(clone, "/pulls?head=octo:topic")] == [number]
        assert api(clone, "/pulls?head=octo:main") == []
        (commit,) = api(clone, f"/pulls/{number}/commits")
        assert (commit["sha"], commit["commit"]["author"]["email"]) == (
            clone.head(),
            "octo@example.invalid",
        )
        send(clone, "POST", "/issues", {"title": "C"})
        assert ["pull_request" in item for item in api(clone, "/issues")] == [False, True]
        listed = json.loads(clone.gh("pr", "list", "--json", "number,title,isDraft").stdout)
        assert listed == [{"number": number, "title": "B", "isDraft": True}]
        send(clone, "PATCH", f"/pulls/{number}", {"state": "closed"})
        assert api(clone, "/pulls") == []
        assert send(clone, "PATCH", "/pulls/99", {}, check=False)["status"] == "404"


class TestSettings:
    """What the set-up and doctor commands ask and change."""

    @pytest.mark.requirement("X2", "P2.3")
    def test_environment(self, clone: Clone) -> None:
        """Make one with reviewers and ref policies, read it back, refuse nonsense."""
        me = json.loads(clone.gh("api", "user").stdout)["id"]
        policy = {"protected_branches": False, "custom_branch_policies": True}
        body = {
            "reviewers": [{"type": "User", "id": me}],
            "prevent_self_review": True,
            "deployment_branch_policy": policy,
        }
        send(clone, "PUT", "/environments/pypi", body)
        path = "/environments/pypi/deployment-branch-policies"
        send(clone, "POST", path, {"name": "v*", "type": "tag"})
        number = send(clone, "POST", path, {"name": "main"})["id"]
        shown = api(clone, "/environments/PyPI")
        kinds = {rule["type"]: rule for rule in shown["protection_rules"]}
        assert set(kinds) == {"required_reviewers", "branch_policy"}
        assert kinds["required_reviewers"]["prevent_self_review"] is True
        assert kinds["required_reviewers"]["reviewers"][0]["reviewer"]["login"] == "octo"
        named = [(p["name"], p["type"]) for p in api(clone, path)["branch_policies"]]
        assert named == [("v*", "tag"), ("main", "branch")]
        clone.gh("api", "-X", "DELETE", f"repos/{clone.repo}{path}/{number}")
        assert api(clone, path)["total_count"] == 1
        both = {"deployment_branch_policy": dict.fromkeys(policy, True)}
        assert send(clone, "PUT", "/environments/x", both, check=False)["status"] == "422"
        assert api(clone, "/environments/none", check=False)["status"] == "404"
        other = member(clone, "maintain")
        assert send(other, "PUT", "/environments/x", {}, check=False)["message"] == (
            "Must have admin rights to Repository."
        )

    def test_actions_permissions(self, clone: Clone) -> None:
        """Actions on or off, SHA pinning, the default of tokens."""
        send(clone, "PUT", "/actions/permissions", {"enabled": True, "sha_pinning_required": True})
        assert api(clone, "/actions/permissions")["sha_pinning_required"] is True
        path = "/actions/permissions/workflow"
        send(clone, "PUT", path, {"default_workflow_permissions": "write"})
        assert api(clone, path)["default_workflow_permissions"] == "write"

    def test_disabled_actions_start_nothing(self, clone: Clone) -> None:
        """With Actions off a push starts no run."""
        send(clone, "PUT", "/actions/permissions", {"enabled": False})
        clone.commit({".github/workflows/ci.yml": json.dumps(WORKFLOW)})
        clone.push("main")
        assert clone.sandbox.github.runs(clone.repo) == []

    def test_who_am_i(self, clone: Clone) -> None:
        """`gh repo view`, roles and scopes."""
        keys = "nameWithOwner,viewerPermission,defaultBranchRef,isFork"
        assert json.loads(clone.gh("repo", "view", "--json", keys).stdout) == {
            "nameWithOwner": clone.repo,
            "viewerPermission": "ADMIN",
            "defaultBranchRef": {"name": "main"},
            "isFork": False,
        }
        assert "'repo'" in clone.gh("auth", "status").stdout
        other = member(clone, "maintain")
        assert api(other, f"/collaborators/{other.login}/permission")["role_name"] == "maintain"
        assert api(other, "")["permissions"]["admin"] is False

    def test_private_repository_is_hidden(self, clone: Clone) -> None:
        """To a stranger a private repository is not found."""
        stranger = Clone(clone.sandbox, clone.repo, "stranger")
        clone.sandbox.github.settings(clone.repo, private=True)
        assert api(stranger, "", check=False)["status"] == "404"
        assert "Could not resolve to a Repository" in stranger.gh("repo", "view", check=False).stderr

    def test_pages(self, clone: Clone) -> None:
        """Lists come in pages that gh follows."""
        names = [f"t{number:02}" for number in range(23)]
        for name in names:
            clone.git("tag", name)
        clone.push(*names)
        args = ["--paginate", "--jq", ".[].name", f"repos/{clone.repo}/tags?per_page=10"]
        assert sorted(clone.gh("api", *args).stdout.split()) == names

    def test_rate_limit(self, clone: Clone) -> None:
        """Over the limit everything is refused with GitHub's sentence."""
        clone.sandbox.github.rate_limit(exhausted=True)
        refused = clone.gh("api", f"repos/{clone.repo}", check=False)
        clone.sandbox.github.rate_limit(exhausted=False)
        assert "API rate limit exceeded" in refused.stderr

    def test_unknown_route_and_field(self, clone: Clone) -> None:
        """What is not emulated is an error that the journal shows, never an invention."""
        assert clone.gh("api", "repos/octo/demo/nonsense", check=False).returncode == 1
        entry = clone.sandbox.journal()[-1]
        assert (entry["path"], entry["status"]) == ("/repos/octo/demo/nonsense", 404)
        query = 'query={repository(owner:"octo",name:"x"){nonsense}}'
        done = clone.gh("api", "graphql", "-f", query, check=False)
        assert "Cannot query field 'nonsense'" in done.stderr


def test_state_survives_a_restart(tmp_path: Path) -> None:
    """A sandbox that is opened again has everything it had."""
    with Sandbox(tmp_path / "sandbox") as sandbox:
        clone = Clone(sandbox, sandbox.github.create_repo("octo", "demo"))
        clone.commit({"x": "1"})
        clone.push("main")
        clone.gh("issue", "create", "--title", "t", "--body", "b")
        clone.gh("release", "create", "v1", "--notes", "n", "--draft", "x")
    with Sandbox(tmp_path / "sandbox") as sandbox:
        again = Clone(sandbox, "octo/demo", folder=clone.folder)
        assert again.env == clone.env
        again.commit({"y": "1"})
        again.push("main")
        assert [issue["title"] for issue in sandbox.github.issues("octo/demo")] == ["t"]
        assert sandbox.github.releases("octo/demo")[0]["assets"] == {"x": b"1"}
