"""FILE:JOB in `--publisher` and `--keep`: one job of a workflow is decided, the others are as they are."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release.adopt.answers import Choice, choose_publisher
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.publishing_jobs import without_jobs
from copier_pypi_release.adopt.repository import read_repository
from copier_pypi_release.checks.context import read_context
from copier_pypi_release.commands import doctor
from ruamel.yaml import YAML
from support.rendering import commit_all

from adopt.adoption import run_adopt
from adopt.fixtures import PROJECT, UV_TABLE, common, repository, workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = [pytest.mark.requirement("B2", "P9.2")]
FILE = ".github/workflows/ship.yml"
HEAD = "name: Ship\non:\n  push:\n    tags: ['v*']\njobs:\n"
IDENTITY = "    permissions:\n      id-token: write\n"


def job(name: str, step: str, more: str = IDENTITY) -> str:
    """A job that checks out, builds what one artifact says, and does a step."""
    return (
        f"  {name}:\n    runs-on: ubuntu-latest\n{more}    steps:\n"
        f"      - uses: actions/checkout@v4\n      - uses: actions/download-artifact@v4\n      - {step}\n"
    )


UPLOAD = "uses: pypa/gh-action-pypi-publish@release/v1"
TWO = HEAD + job("one", UPLOAD) + job("two", UPLOAD)  # nothing says which package
CERTAIN_AND_NOT = HEAD + job("pypi", UPLOAD) + job("sign", "run: ship dist")
TESTED = "  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make all\n"


def chosen(
    root: Path, folder: str = "", *, publisher: Sequence[str] = (), keep: Sequence[str] = ()
) -> Choice:
    return choose_publisher(read_repository(root / folder), publisher, keep)


def package(folder: Path, ship: str) -> Path:
    plain = {name: text for name, text in common().items() if "publish" not in name}
    return repository(folder / "demo-pkg", {**plain, "pyproject.toml": UV_TABLE + PROJECT, FILE: ship})


def test_of_a_workflow_that_publishes_two_packages_one_job_is_cut(tmp_path: Path) -> None:
    root = workspace(tmp_path / "mono", "alpha", "beta", workflows={FILE: TWO})
    with pytest.raises(AdoptionError, match=r"ship\.yml:6 one; .*ship\.yml:14 two") as stopped:
        chosen(root, "packages/alpha")
    assert stopped.value.fix == (
        "adopt --keep ship.yml:one --keep ship.yml:two (--publisher for what publishes this package)"
    )
    with pytest.raises(AdoptionError, match=r"which one they publish: \S*ship\.yml:14 two$"):
        chosen(root, "packages/alpha", publisher=["ship.yml:one"])
    choice = chosen(root, "packages/alpha", publisher=["ship.yml:one"], keep=[f"{FILE}:two"])
    assert (choice.replaced, choice.going) == ("release.yml", {"ship.yml": {"one"}})
    assert [(one.file, one.job) for one in choice.left] == [("ship.yml", "two")]
    assert choice.kept_files == ("ship.yml:two",)
    # What is said of one job is stronger than what is said of its file.
    assert chosen(root, "packages/alpha", publisher=["ship.yml:one"], keep=["ship.yml"]).going == choice.going
    assert chosen(root, "packages/alpha", publisher=["ship.yml"], keep=["ship.yml:two"]).going == choice.going


def test_of_a_certain_job_and_one_that_is_not_only_the_certain_one_is_cut(tmp_path: Path) -> None:
    pushed = CERTAIN_AND_NOT.replace("    tags: ['v*']\n", "    branches: [main]\n") + TESTED
    root = package(tmp_path, pushed)
    with pytest.raises(AdoptionError, match=r"Only a person can say .*ship\.yml:14 sign") as stopped:
        chosen(root)
    assert "ship.yml:sign" in stopped.value.fix
    assert chosen(root, keep=["ship.yml:sign"]).going == {"ship.yml": {"pypi"}}
    assert chosen(root, publisher=["ship.yml:sign"]).going == {"ship.yml": {"pypi", "sign"}}


def test_a_kept_job_that_an_upload_needs_is_not_replaced_with_it(tmp_path: Path) -> None:
    needs = f"    needs: sign\n{IDENTITY}"
    root = package(tmp_path, HEAD + job("sign", "run: ship dist") + job("pypi", UPLOAD, needs))
    assert chosen(root).replaced == "ship.yml"
    choice = chosen(root, keep=["ship.yml:sign"])
    assert (choice.replaced, choice.going) == ("release.yml", {"ship.yml": {"pypi"}})


def test_two_workflows_of_this_package_are_named_at_once(tmp_path: Path) -> None:
    root = package(tmp_path, HEAD + job("a", "run: ship dist"))
    other = root / ".github/workflows/also.yml"
    other.write_text(HEAD + job("b", "run: ship dist"))
    commit_all(root, "ci: another")
    with pytest.raises(AdoptionError, match="Only a person") as stopped:
        chosen(root)
    assert stopped.value.fix.startswith("adopt --keep also.yml --keep ship.yml (")
    assert {one.file for one in chosen(root, publisher=["also.yml", "ship.yml"]).own} == {
        "also.yml",
        "ship.yml",
    }


@pytest.mark.parametrize(
    ("named", "problem", "expected"),
    [
        ("ship.yml:three", "ship.yml has no job three", "one of ship.yml:one, ship.yml:two"),
        ("none.yml:one", "There is no workflow none.yml", "one of ci.yml, ship.yml"),
        ("ci.yml:test", "ci.yml:test uploads nothing, and could not", None),
    ],
)
def test_a_job_that_is_none_is_refused_with_those_that_are(
    named: str, problem: str, expected: str | None, tmp_path: Path
) -> None:
    root = package(tmp_path, TWO)
    with pytest.raises(AdoptionError) as stopped:
        chosen(root, publisher=[named])
    assert stopped.value.problem == problem
    if expected is not None:
        with pytest.raises(AdoptionError) as stopped:
            chosen(root, keep=[named])
        assert (stopped.value.problem, stopped.value.expected) == (problem, expected)


def test_the_workflow_goes_on_to_give_a_kept_job_its_identity(tmp_path: Path) -> None:
    """An identity for the whole workflow stays as long as a job of it publishes something."""
    wide = HEAD.replace("jobs:", "permissions:\n  id-token: write\njobs:")
    root = package(tmp_path, wide + job("one", UPLOAD, "") + job("two", UPLOAD, ""))
    (workflow,) = (w for w in read_repository(root).workflows if w.file == "ship.yml")
    left = YAML(typ="safe").load(without_jobs(workflow, {"one"}))
    assert left["permissions"] == {"id-token": "write"}
    assert list(left["jobs"]) == ["two"]


def test_a_kept_job_stays_known(tmp_path: Path, template_repository: Path) -> None:
    """doctor, and adopting again, ask no second time; another upload in that file is none of it."""
    root = package(tmp_path, CERTAIN_AND_NOT)
    how = ("--yes", "--template", str(template_repository))
    status, output = run_adopt(root, *how, "--keep", "ship.yml:sign")
    assert status == 0, output
    settings = tomllib.loads((root / ".github/release/settings.toml").read_text(encoding="utf-8"))
    assert settings["kept-workflows"] == ["ship.yml:sign"]
    commit_all(root, "build: release by tag")

    def found() -> str:
        findings = {f.check: f for f in doctor.find(read_context(root, root))}
        return str(findings["other-publishers"].found)

    assert found() == "none but release.yml; kept by adoption: ship.yml:sign"
    status, output = run_adopt(root, *how)
    assert (status, output.split(":")[0]) == (0, "Nothing to do")
    path = root / FILE
    path.write_text(path.read_text(encoding="utf-8") + job("again", UPLOAD), encoding="utf-8")
    assert "ship.yml uploads too" in found()
