"""The stand-in actions do what the real ones document; each row names the behaviour it holds."""

from __future__ import annotations

import io
import itertools
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from sigstore._internal.tuf import DEFAULT_TUF_URL
from sigstore.models import ClientTrustConfig

from emulator.developer import PINS, TrialRepository
from emulator.outside import KNOWN, MIRROR_HOST, SIGSTORE_HOSTS
from emulator.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests of the module; each makes a repository of its own."""
    with Sandbox(tmp_path_factory.mktemp("actions") / "sandbox") as sandbox:
        yield sandbox


SHOW = {
    "run": """
set +e
cd "${WHERE:-.}"
echo "head=$(git rev-parse HEAD) branch=$(git symbolic-ref -q HEAD)"
echo "depth=$(git rev-list --count HEAD) shallow=$(git rev-parse --is-shallow-repository)"
echo "describe=$(git describe --tags --always)"
echo "kind=$(git cat-file -t refs/tags/v1 2>/dev/null)"
git for-each-ref --format 'ref=%(refname)'
echo "files=$(ls | tr '\\n' ' ')"
echo "secret=$(git config --get-regexp '^http.*extraheader' | wc -l)"
"""
}


def checkout(**inputs: object) -> dict[str, Any]:
    """Return a step that checks out."""
    return {"uses": PINS["checkout"], "with": inputs}


def facts(log: str) -> dict[str, list[str]]:
    """Return the `key=value` lines of `SHOW`, all values of a key in order."""
    found: dict[str, list[str]] = {}
    for line in log.splitlines():
        text = line.split(" | ", 2)[-1]
        for part in [text] if text.startswith(("files=", "ref=")) else text.split(" "):
            key, sign, value = part.partition("=")
            if sign:
                found.setdefault(key, []).append(value.strip())
    return found


class TestCheckout:
    """actions/checkout v7: refs, HEAD, depth, `git describe`."""

    def history(self, sandbox: Sandbox, name: str, inputs: dict[str, Any], on: object) -> TrialRepository:
        """Make a history of three commits whose last has the workflow and the tag v1."""
        trial = TrialRepository(sandbox, name)
        trial.clone.commit({"a": "1"})
        trial.clone.commit({"b": "1", "docs/x": "x", "src/y": "y"})
        trial.steps(checkout(**inputs), SHOW, on=on)
        trial.clone.push("main")
        trial.clone.git("tag", "--annotate", "--message", "v1", "v1")
        return trial

    @pytest.mark.requirement("P3.1")
    def test_tag_with_full_history(self, sandbox: Sandbox) -> None:
        """`fetch-depth: 0` on a tag: everything, HEAD detached at the annotated tag."""
        inputs = {"ref": "refs/tags/v1", "fetch-depth": 0}
        trial = self.history(sandbox, "tag-full", inputs, {"push": {"tags": ["v*"]}})
        seen = facts(trial.log("v1"))
        assert seen["head"] == [trial.clone.head()]
        assert seen["branch"] == [""]
        assert (seen["depth"], seen["shallow"]) == (["3"], ["false"])
        assert (seen["describe"], seen["kind"]) == (["v1"], ["tag"])
        assert seen["ref"] == ["refs/remotes/origin/main", "refs/tags/v1"]

    @pytest.mark.requirement("P3.10")
    def test_tag_shallow(self, sandbox: Sandbox) -> None:
        """The default depth on a tag: one commit, and the tag alone, still annotated."""
        inputs = {"ref": "refs/tags/v1"}
        trial = self.history(sandbox, "tag-shallow", inputs, {"push": {"tags": ["v*"]}})
        seen = facts(trial.log("v1"))
        assert (seen["depth"], seen["shallow"]) == (["1"], ["true"])
        assert (seen["ref"], seen["kind"]) == (["refs/tags/v1"], ["tag"])

    def test_default_on_a_tag_push(self, sandbox: Sandbox) -> None:
        """No `ref` on a tag push: as with the tag's name."""
        trial = self.history(sandbox, "tag-default", {}, {"push": {"tags": ["v*"]}})
        seen = facts(trial.log("v1"))
        assert (seen["describe"], seen["kind"], seen["depth"]) == (["v1"], ["tag"], ["1"])

    def test_sha_with_full_history(self, sandbox: Sandbox) -> None:
        """A commit as `ref` with depth 0: HEAD detached there, all branches and tags fetched."""
        trial = TrialRepository(sandbox, "sha-full")
        first = trial.clone.commit({"a": "1"})
        trial.clone.tag("v1")
        trial.steps(checkout(ref=first, **{"fetch-depth": 0}), SHOW)
        seen = facts(trial.log())
        assert (seen["head"], seen["branch"], seen["depth"]) == ([first], [""], ["1"])
        assert seen["ref"] == ["refs/remotes/origin/main", "refs/tags/v1"]

    def test_branch_shallow(self, sandbox: Sandbox) -> None:
        """A branch as `ref`, default depth: HEAD on a local branch, no tag, no describe."""
        trial = self.history(sandbox, "branch", {"ref": "main"}, {"push": {"branches": ["main"]}})
        trial.clone.git("push", "--quiet", "origin", "v1")
        trial.clone.commit({"c": "1"})
        seen = facts(trial.log())
        assert (seen["branch"], seen["depth"]) == (["refs/heads/main"], ["1"])
        assert seen["ref"] == ["refs/heads/main", "refs/remotes/origin/main"]
        assert seen["describe"][0] in trial.clone.head()

    def test_default_on_a_branch_push(self, sandbox: Sandbox) -> None:
        """No `ref` on a branch push: the pushed commit, on its branch."""
        trial = self.history(sandbox, "push", {}, {"push": {"branches": ["main"]}})
        trial.clone.commit({"c": "1"})
        seen = facts(trial.log())
        assert (seen["branch"], seen["head"]) == (["refs/heads/main"], [trial.clone.head()])

    def test_sparse_path_and_no_credentials(self, sandbox: Sandbox) -> None:
        """`sparse-checkout` leaves other folders out, `path` moves, credentials are gone."""
        trial = TrialRepository(sandbox, "sparse")
        trial.clone.commit({"top": "1", "docs/x": "x", "src/y": "y"})
        inputs = {"path": "in", "sparse-checkout": "docs", "persist-credentials": False}
        trial.steps(checkout(**inputs), SHOW | {"env": {"WHERE": "in"}})
        seen = facts(trial.log())
        assert seen["files"] == ["docs top"]
        assert seen["secret"] == ["0"]

    def test_credentials_stay_by_default(self, sandbox: Sandbox) -> None:
        """Without `persist-credentials: false` later steps can use the token."""
        trial = TrialRepository(sandbox, "credentials")
        trial.steps(checkout(), SHOW)
        assert facts(trial.log())["secret"] == ["1"]

    def test_root_checkout_removes_what_is_there(self, sandbox: Sandbox) -> None:
        """Checking out over files that are no clone of the repository deletes them."""
        trial = TrialRepository(sandbox, "order")
        trial.steps({"run": "mkdir source && touch source/x"}, checkout(), SHOW)
        assert facts(trial.log())["files"] == [""]

    @pytest.mark.requirement("P3.2")
    @pytest.mark.parametrize("depth", [0, 1])
    def test_moved_tag_is_refused(self, sandbox: Sandbox, depth: int) -> None:
        """A tag that no longer points at the commit of the event ends the job."""
        on = {"push": {"tags": ["v*"]}}
        trial = self.history(sandbox, f"moved-{depth}", {"fetch-depth": depth}, on)
        run = trial.result("v1")
        trial.clone.commit({"later": "1"})
        trial.clone.git("tag", "--force", "v1")
        trial.clone.push("v1", force=True)
        sandbox.wait_idle(60)
        sandbox.github.rerun(run["id"])
        sandbox.wait_idle(60)
        assert sandbox.github.run(run["id"])["conclusion"] == "failure"
        assert "does not point to the expected commit" in sandbox.github.log(run["id"])

    def test_missing_ref(self, sandbox: Sandbox) -> None:
        """A ref that is not there fails."""
        trial = TrialRepository(sandbox, "missing")
        trial.steps(checkout(ref="refs/tags/v9"))
        assert "couldn't find remote ref refs/tags/v9" in trial.log(conclusion="failure")


def files_of(trial: TrialRepository, run: dict[str, Any], name: str) -> dict[str, str]:
    """Return the files in an artifact."""
    data = trial.sandbox.github.artifact(run["id"], name)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {entry: archive.read(entry).decode() for entry in archive.namelist()}


def upload(**inputs: object) -> dict[str, Any]:
    """Return a step that uploads."""
    return {"uses": PINS["upload"], "with": inputs}


MAKE = {"run": "mkdir -p out/deep out/.hid .top; echo 1 | tee out/a out/deep/b out/.c out/.hid/d .top/e"}

FIRST = "${{ steps.one.outputs.artifact-id }}"
ONE, TWO = "${{ needs.there.outputs.one }}", "${{ needs.there.outputs.two }}"


class TestArtifacts:
    """actions/upload-artifact v7 and actions/download-artifact v8."""

    @pytest.mark.parametrize(
        ("inputs", "wanted"),
        [
            pytest.param({"path": "out"}, ["a", "deep/b"], id="folder-without-hidden"),
            pytest.param({"path": "out/"}, ["a", "deep/b"], id="trailing-slash"),
            pytest.param({"path": "out/deep/b"}, ["b"], id="single-file"),
            pytest.param({"path": "out/*"}, ["a", "deep/b"], id="glob"),
            pytest.param({"path": "out/**/b"}, ["deep/b"], id="double-star"),
            pytest.param({"path": "out/a\nout/deep/"}, ["a", "deep/b"], id="two-paths"),
            pytest.param({"path": "out\n!out/deep/**"}, ["a"], id="excluded"),
            pytest.param(
                {"path": "out", "include-hidden-files": True},
                [".c", ".hid/d", "a", "deep/b"],
                id="with-hidden",
            ),
        ],
    )
    def test_layout(self, sandbox: Sandbox, inputs: dict[str, Any], wanted: list[str]) -> None:
        """Names in the artifact are relative to the least folder that holds every path."""
        trial = TrialRepository(sandbox, f"layout-{next(NUMBERS)}")
        trial.steps(MAKE, upload(name="x", **inputs))
        run = trial.result()
        assert run["conclusion"] == "success"
        assert sorted(files_of(trial, run, "x")) == wanted

    @pytest.mark.parametrize(
        ("wish", "conclusion", "level"),
        [("warn", "success", "warning"), ("error", "failure", "failure"), ("ignore", "success", "")],
    )
    def test_nothing_found(self, sandbox: Sandbox, wish: str, conclusion: str, level: str) -> None:
        """`if-no-files-found` decides whether an empty upload warns, fails or passes."""
        trial = TrialRepository(sandbox, f"nothing-{wish}")
        trial.steps(upload(path="no/such", **{"if-no-files-found": wish}))
        run = trial.result()
        assert run["conclusion"] == conclusion
        notes = run["jobs"][0]["annotations"]
        assert [note["annotation_level"] for note in notes][:1] == ([level] if level else [])

    def test_hidden_folder_alone_is_nothing(self, sandbox: Sandbox) -> None:
        """A path that is itself hidden counts as hidden."""
        trial = TrialRepository(sandbox, "hidden")
        trial.steps(MAKE, upload(path=".top", **{"if-no-files-found": "error"}))
        assert "No files were found" in trial.log(conclusion="failure")

    @pytest.mark.requirement("P1.4")
    def test_same_name_twice(self, sandbox: Sandbox) -> None:
        """A name can be used once in a run (409), unless the second upload overwrites."""
        trial = TrialRepository(sandbox, "twice")
        trial.steps(MAKE, upload(name="x", path="out/a"), upload(name="x", path="out"))
        assert "(409) Conflict: an artifact with this name already exists" in trial.log(conclusion="failure")
        trial.steps(MAKE, upload(name="x", path="out/a"), upload(name="x", path="out", overwrite=True))
        run = trial.result()
        assert run["conclusion"] == "success"
        assert sorted(files_of(trial, run, "x")) == ["a", "deep/b"]

    @pytest.mark.parametrize(
        ("inputs", "wanted"),
        [
            pytest.param({"name": "one", "path": "in"}, "in/a", id="by-name"),
            pytest.param({"path": "in"}, "in/one/a in/two/b", id="all"),
            pytest.param({"pattern": "t*", "path": "in"}, "in/b", id="pattern-of-one"),
            pytest.param({"pattern": "*", "path": "in"}, "in/one/a in/two/b", id="pattern-of-all"),
            pytest.param({"merge-multiple": True}, "a b", id="merged"),
            pytest.param({"artifact-ids": ONE, "path": "in"}, "in/a", id="by-id"),
            pytest.param({"artifact-ids": f"{ONE}, {TWO}", "path": "in"}, "in/one/a in/two/b", id="by-ids"),
            pytest.param({"artifact-ids": f"{ONE},{TWO}", "merge-multiple": True}, "a b", id="ids-merged"),
            pytest.param({"artifact-ids": f"{ONE},1", "path": "in"}, "in/a", id="one-id-is-gone"),
            pytest.param({"artifact-ids": "", "path": "in"}, "in/one/a in/two/b", id="empty-id-is-all"),
        ],
    )
    def test_download(self, sandbox: Sandbox, inputs: dict[str, Any], wanted: str) -> None:
        """One artifact goes straight into the path, several into a folder each."""
        trial = TrialRepository(sandbox, f"download-{next(NUMBERS)}")
        uploads = [
            {"id": "one", **upload(name="one", path="out/a")},
            {"id": "two", **upload(name="two", path="out/deep/b")},
        ]
        outputs = {name: f"${{{{ steps.{name}.outputs.artifact-id }}}}" for name in ("one", "two")}
        there = {"runs-on": "ubuntu-24.04", "outputs": outputs, "steps": [MAKE, *uploads]}
        show = {"name": "show", "run": "echo files=$(find . -type f | sort | sed s:^./:: | xargs)"}
        steps = [{"uses": PINS["download"], "with": inputs}, show]
        back = {"runs-on": "ubuntu-24.04", "needs": "there", "steps": steps}
        trial.workflow({"there": there, "back": back})
        assert facts(trial.log())["files"] == [wanted]

    @pytest.mark.requirement("P8.7")
    def test_another_artifact_of_the_name_has_another_id(self, sandbox: Sandbox) -> None:
        """An id stands for one upload: what replaces it, by whatever token of the run, is not downloaded."""
        trial = TrialRepository(sandbox, "replaced")
        first = {"id": "one", **upload(name="one", path="out/a")}
        there = {"runs-on": "ubuntu-24.04", "steps": [MAKE, first], "outputs": {"one": FIRST}}
        other = [MAKE, upload(name="one", path="out", overwrite=True)]
        again = {"needs": "there", "runs-on": "ubuntu-24.04", "steps": other}
        by_id = [{"uses": PINS["download"], "with": {"artifact-ids": ONE}}]
        back = {"needs": ["there", "again"], "runs-on": "ubuntu-24.04", "steps": by_id}
        trial.workflow({"there": there, "again": again, "back": back})
        assert "None of the provided artifact IDs were found" in trial.log(conclusion="failure")

    def test_absent(self, sandbox: Sandbox) -> None:
        """A name that no job uploaded is an error."""
        trial = TrialRepository(sandbox, "absent")
        trial.steps({"uses": PINS["download"], "with": {"name": "ghost"}})
        assert "Artifact not found for name: ghost" in trial.log(conclusion="failure")

    def test_corrupted(self, sandbox: Sandbox) -> None:
        """Bytes that do not match the digest of the upload are an error."""
        trial = TrialRepository(sandbox, "corrupted")
        trial.workflow(
            {
                "there": {"runs-on": "ubuntu-24.04", "steps": [MAKE, upload(path="out")]},
                "back": {
                    "needs": "there",
                    "runs-on": "ubuntu-24.04",
                    "steps": [{"uses": PINS["download"], "with": {"name": "artifact"}}],
                },
            }
        )
        blobs = "productionresultssa0.blob.core.windows.net"
        sandbox.fault("corrupt", host=blobs, method="GET", times=1)
        assert "Digest validation failed" in trial.log(conclusion="failure")

    def test_service_trouble_is_survived(self, sandbox: Sandbox) -> None:
        """The client tries again after a 503."""
        trial = TrialRepository(sandbox, "trouble")
        trial.steps(MAKE, upload(path="out"))
        sandbox.fault("status", host="results-receiver.actions.githubusercontent.com", times=1)
        trial.log()


class TestSetupUv:
    """astral-sh/setup-uv v10."""

    def test_uv_is_there_only_after_it(self, sandbox: Sandbox) -> None:
        """There is no uv before: uv is not preinstalled; afterwards uv and uvx are on the PATH."""
        trial = TrialRepository(sandbox, "uv")
        where = {"run": "echo uv=$(command -v uv uvx | wc -l)"}
        trial.steps(where, {"uses": PINS["uv"]}, where)
        assert facts(trial.log())["uv"] == ["0", "2"]

    @pytest.mark.requirement("X16")
    def test_it_installs_the_version_that_is_asked_for_or_nothing(self, sandbox: Sandbox) -> None:
        """No other version stands in."""
        trial = TrialRepository(sandbox, "uv-version")
        trial.steps({"uses": PINS["uv"], "with": {"version": KNOWN["newest"]}}, {"run": "uv --version"})
        assert f"uv {KNOWN['newest']}" in trial.log()
        trial.steps({"uses": PINS["uv"], "with": {"version": "0.12.3"}})
        assert "Could not find artifact for version 0.12.3" in trial.log(conclusion="failure")

    @pytest.mark.requirement("X16")
    @pytest.mark.parametrize("checksum", ["", "0" * 64, KNOWN["checksums"]["x86_64-unknown-linux-gnu"]])
    def test_the_checksum_decides(self, sandbox: Sandbox, checksum: str) -> None:
        """That of the workflow, or without it the one that the action knows."""
        trial = TrialRepository(sandbox, f"uv-sum-{checksum[:4]}")
        right = checksum != "0" * 64
        trial.steps({"uses": PINS["uv"], "with": {"version": KNOWN["newest"], "checksum": checksum}})
        log = trial.log(conclusion="success" if right else "failure")
        assert ("did not match" in log) is not right

    @pytest.mark.requirement("X16")
    def test_another_archive_is_refused(self, sandbox: Sandbox) -> None:
        """Where the mirror has another one, GitHub is asked; where both have, nothing is installed."""
        trial = TrialRepository(sandbox, "uv-corrupted")
        step = {"uses": PINS["uv"], "with": {"version": KNOWN["newest"]}}
        sandbox.fault("corrupt", host=MIRROR_HOST, times=1)
        trial.steps(step)
        log = trial.log()
        assert "falling back to GitHub Releases: Checksum for" in log
        sandbox.fault("corrupt", host="*", path=r"\.tar\.gz$", times=2)
        trial.steps(step, {"run": "uv --version"})
        assert "did not match" in trial.log(conclusion="failure")

    def test_without_the_mirror_it_asks_github(self, sandbox: Sandbox) -> None:
        """The mirror is no single point of failure."""
        trial = TrialRepository(sandbox, "uv-mirror")
        before = len(sandbox.journal())
        sandbox.fault("status", host=MIRROR_HOST, times=3)
        trial.steps({"uses": PINS["uv"]})
        trial.log()
        archives = [e["host"] for e in sandbox.journal()[before:] if e["path"].endswith(".tar.gz")]
        assert archives == [MIRROR_HOST] * 3 + ["github.com"]

    def test_python_that_is_here(self, sandbox: Sandbox) -> None:
        """`python-version` becomes UV_PYTHON."""
        trial = TrialRepository(sandbox, "uv-here")
        with_ = {"python-version": "3.11", "enable-cache": False}
        show = {"run": 'echo "python=$UV_PYTHON"'}
        trial.steps({"uses": PINS["uv"], "with": with_}, show)
        assert facts(trial.log())["python"] == ["3.11"]

    def test_python_that_is_not_here(self, sandbox: Sandbox) -> None:
        """An interpreter that the machine has not is replaced, and the log says so."""
        trial = TrialRepository(sandbox, "uv-not-here")
        show = {"run": 'echo "python=$UV_PYTHON"; test -x "$UV_PYTHON"'}
        trial.steps({"uses": PINS["uv"], "with": {"python-version": "3.99"}}, show)
        assert "Python 3.99 is not on the emulator's machine" in trial.log()


def wheel(folder: Path, version: str = "1.0") -> None:
    """Write a small, valid wheel."""
    info = f"drilldemo-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: drilldemo\nVersion: {version}\nSummary: x\n"
    kind = "Wheel-Version: 1.0\nGenerator: drill\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"drilldemo-{version}-py3-none-any.whl", "w") as archive:
        for name, text in {"METADATA": metadata, "WHEEL": kind, "RECORD": ""}.items():
            archive.writestr(f"{info}/{name}", text)


class TestPublish:
    """pypa/gh-action-pypi-publish v1.14."""

    def trial(self, sandbox: Sandbox, name: str, before: str = "", **extra: Any) -> TrialRepository:  # noqa: ANN401 - keys of a job
        """Return a trial whose job checks out `dist/` and publishes it."""
        trial = TrialRepository(sandbox, name)
        wheel(trial.clone.folder / "dist")
        steps = [checkout(), {"run": before or ":"}]
        steps.append({"uses": PINS["publish"], "with": extra.pop("inputs", {})})
        steps += extra.pop("after", [])
        permissions = {"contents": "read", "id-token": "write"}
        trial.steps(*steps, **({"permissions": permissions} | extra))
        return trial

    @pytest.mark.requirement("P2.1")
    def test_needs_an_identity(self, sandbox: Sandbox) -> None:
        """Without `id-token: write` there is no upload, and the message says why."""
        trial = self.trial(sandbox, "no-identity", permissions={"contents": "read"})
        assert "Make sure that your workflow has `id-token: write`" in trial.log(conclusion="failure")

    def test_folder_has_to_be_there(self, sandbox: Sandbox) -> None:
        """No `dist` folder, no upload."""
        trial = self.trial(sandbox, "no-folder", "rm -r dist")
        assert "does not exist" in trial.log(conclusion="failure")

    def test_other_files_are_refused(self, sandbox: Sandbox) -> None:
        """The check looks at every file in the folder."""
        trial = self.trial(sandbox, "other-file", "date > dist/SHA256SUMS")
        assert "InvalidDistribution" in trial.log(conclusion="failure")

    def test_leftover_attestations(self, sandbox: Sandbox) -> None:
        """The action dies on the attestation files of an earlier run of itself."""
        name = "drilldemo-1.0-py3-none-any.whl"
        before = f"touch dist/{name}.publish.attestation"
        trial = self.trial(sandbox, "leftover", before, inputs={"verify-metadata": False})
        assert "already have publish attestations" in trial.log(conclusion="failure")

    @pytest.mark.requirement("P9.3")
    def test_unregistered_publisher(self, sandbox: Sandbox) -> None:
        """The identity is real: the index refuses a publisher that nobody registered."""
        trial = self.trial(sandbox, "unknown")
        assert "invalid-publisher" in trial.log(conclusion="failure")

    @pytest.mark.requirement("T2")
    def test_password_switches_trusted_publishing_off(self, sandbox: Sandbox) -> None:
        """With a password no identity token is asked for, and none is needed."""
        inputs = {"password": "pypi-token"}
        trial = self.trial(sandbox, "password", inputs=inputs, permissions={"contents": "read"})
        before = len(sandbox.journal())
        trial.log(conclusion="failure")
        asked = [entry["path"] for entry in sandbox.journal()[before:]]
        assert not [path for path in asked if "oidc" in path or "idtoken" in path]
        assert [path for path in asked if path.startswith("/legacy")]

    @pytest.mark.requirement("X16")
    def test_it_asks_the_hosts_of_sigstore(self) -> None:
        """Those of the settings that sigstore brings along."""
        config = ClientTrustConfig.production(offline=True).signing_config
        clients: list[Any] = [config.get_fulcio(), *config.get_tlogs(), *config.get_tsas()]
        urls = [DEFAULT_TUF_URL, *(client.url for client in clients)]
        assert {urlsplit(url).hostname for url in urls} == set(SIGSTORE_HOSTS)

    @pytest.mark.requirement("X5")
    def test_upload(self, sandbox: Sandbox) -> None:
        """A registered publisher uploads, with attestations; once more is no error if skipped."""
        inputs = {"skip-existing": True, "print-hash": True}
        again = [{"run": "rm dist/*.attestation"}, {"uses": PINS["publish"], "with": inputs}]
        trial = self.trial(sandbox, "upload", inputs=inputs, after=again)
        register(sandbox, trial.repo)
        log = trial.log()
        assert "SHA256: " in log
        assert "Skipping drilldemo-1.0-py3-none-any.whl" in log
        assert [*sandbox.index("pypi").files("drilldemo")] != []


def register(sandbox: Sandbox, repo: str) -> None:
    """Register a pending trusted publisher for the trial's workflow."""
    owner, _, name = repo.partition("/")
    sandbox.index("pypi").add_publisher(
        "drilldemo",
        owner=owner,
        owner_id=str(sandbox.github.ids(repo)["owner"]),
        repository=name,
        workflow="try.yml",
        pending=True,
    )
