"""Which publisher is replaced, which is cut, and which belongs to somebody else."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.adopt.answers import choose_publisher
from copier_pypi_release.adopt.next_steps import look_at
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.publishing_jobs import without_jobs
from copier_pypi_release.adopt.repository import read_repository
from copier_pypi_release.checks.context import read_context
from copier_pypi_release.commands import doctor
from copier_pypi_release.workflow_files import parse
from support.rendering import commit_all

from adopt.adoption import run_adopt
from adopt.fixtures import (
    CI,
    PROJECT,
    REFUSED,
    TOKEN,
    TRUSTED,
    UV_TABLE,
    common,
    make,
    publisher_of,
    repository,
    workspace,
    write,
)
from adopt.test_target import tree_of

if TYPE_CHECKING:
    from pathlib import Path

    from copier_pypi_release.adopt.answers import Choice

pytestmark = [pytest.mark.requirement("B2", "P9.2")]
WORKFLOWS = ".github/workflows"


def choice_of(root: Path, folder: str = "", **options: Any) -> Choice:  # noqa: ANN401  (passed on)
    if isinstance(one := options.get("publisher"), str):
        options["publisher"] = [one]
    return choose_publisher(read_repository(root / folder), **options)


def looks_of(root: Path, choice: Choice) -> list[str]:
    """What a person should look at, besides how a release was started until now."""
    return [one for one in look_at(read_repository(root), choice) if "from now on push the tag" not in one]


def package(root: Path, **files: str) -> Path:
    """A package with a CI workflow and the named workflows, or other files."""
    named = {f"{WORKFLOWS}/{k}.yml" if "/" not in k and "." not in k else k: v for k, v in files.items()}
    plain = {k: v for k, v in common().items() if "publish" not in k}
    return repository(root / "demo-pkg", {**plain, "pyproject.toml": UV_TABLE + PROJECT, **named})


def disarmed(choice: Choice) -> set[tuple[str, str]]:
    return {(job.file, job.job) for job in choice.disarmed}


@pytest.mark.parametrize("names", [("alpha", "beta"), ("alpha", "beta", "gamma", "delta", "alpha-extra")])
def test_of_several_packages_only_the_own_publisher_is_touched(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    root = workspace(tmp_path / "mono", *names)
    for name in names:
        choice = choice_of(root, f"packages/{name}")
        assert (choice.replaced, choice.disarmed) == (f"publish-{name}.yml", ())
        assert {job.file for job in choice.left} == {
            f"publish-{other}.yml" for other in names if other != name
        }


@pytest.mark.parametrize(
    "replace",
    [
        {
            "pypi-alpha": "pypi",
            "alpha-v*": "a*",
            "packages-dir: packages/alpha/dist": "verbose: true",
        },  # folder
        {"packages/alpha": ".", "pypi-alpha": "pypi", "Publish alpha": "Publish"},  # tag prefix
        {"uv build packages/alpha": "uv build", "alpha-v*": "v*"},
    ],
)
def test_folder_tag_prefix_or_packages_dir_say_whose_it_is(replace: dict[str, str], tmp_path: Path) -> None:
    text = publisher_of("alpha")
    for old, new in replace.items():
        text = text.replace(old, new)
    workflows = {f"{WORKFLOWS}/one.yml": text, f"{WORKFLOWS}/two.yml": publisher_of("beta")}
    root = workspace(tmp_path / "mono", "alpha", "beta", workflows=workflows)
    assert choice_of(root, "packages/alpha").replaced == "one.yml"
    assert choice_of(root, "packages/beta").replaced == "two.yml"


def test_a_publisher_of_several_packages_stops_adoption_until_a_person_decides(tmp_path: Path) -> None:
    both = TRUSTED.replace("pipx run build", "uv build packages/alpha packages/beta")
    root = workspace(tmp_path / "mono", "alpha", "beta", workflows={f"{WORKFLOWS}/all.yml": both})
    with pytest.raises(AdoptionError, match=r"Of the 2 packages .*all\.yml:6 pypi"):
        choice_of(root, "packages/alpha")
    choice = choice_of(root, "packages/alpha", keep=["all.yml"])
    assert (choice.replaced, choice.disarmed) == ("release.yml", ())
    assert [job.file for job in choice.left] == ["all.yml"]
    assert choice_of(root, "packages/alpha", publisher=f"{WORKFLOWS}/all.yml").replaced == "all.yml"


def test_a_publisher_that_names_no_package_of_several_stops_adoption(tmp_path: Path) -> None:
    root = workspace(tmp_path / "mono", "alpha", "beta", workflows={f"{WORKFLOWS}/x.yml": TRUSTED})
    with pytest.raises(AdoptionError, match="do not say which one they publish") as stopped:
        choice_of(root, "packages/beta")
    assert "--keep x.yml" in stopped.value.fix


@pytest.mark.parametrize(
    "build",
    [
        "python -m build",
        "uv build --sdist --wheel",
        "PYTHONPATH=core python -m flit build",
        "python setup.py sdist",
    ],
)
@pytest.mark.parametrize("folder", ["", "packages/alpha"])
def test_a_job_that_builds_the_root_and_a_folder_publishes_both(
    build: str, folder: str, tmp_path: Path
) -> None:
    both = TRUSTED.replace(
        "      - run: pipx run build\n",
        f"      - run: |\n          {build}\n          cp packages/alpha/dist/* dist/\n",
    )
    root = workspace(tmp_path / "mono", "alpha", workflows={f"{WORKFLOWS}/x.yml": both})
    write(root, {"pyproject.toml": UV_TABLE + PROJECT.replace("demo-pkg", "demo")})
    commit_all(root, "the root is a package too")
    with pytest.raises(AdoptionError, match=r"Of the 2 packages .*x\.yml:6 pypi"):
        choice_of(root, folder)
    assert choice_of(root, folder, publisher="x.yml").replaced == "x.yml"


@pytest.mark.parametrize(
    "build",
    ["uv build packages/alpha", "cd packages/alpha && python -m build", "uv build --package demo-alpha"],
)
def test_a_job_that_builds_a_folder_does_not_publish_the_root(build: str, tmp_path: Path) -> None:
    text = TRUSTED.replace("pipx run build", build)
    root = workspace(tmp_path / "mono", "alpha", workflows={f"{WORKFLOWS}/x.yml": text})
    write(root, {"pyproject.toml": UV_TABLE + PROJECT.replace("demo-pkg", "root-pkg")})
    commit_all(root, "the root is a package too")
    assert choice_of(root, "packages/alpha").replaced == "x.yml"
    assert [job.file for job in choice_of(root).left] == ["x.yml"]


def test_projects_of_tests_and_examples_are_no_packages_of_their_own(tmp_path: Path) -> None:
    other = "[project]\nname = 'fixture'\nversion = '1'\n"
    files = {"tests/data/fixture/pyproject.toml": other, "examples/app/pyproject.toml": other}
    root = package(tmp_path, publish=TRUSTED, **files)
    assert choice_of(root).replaced == "publish.yml"


def test_beta_is_untouched_when_alpha_is_adopted(tmp_path: Path, template_repository: Path) -> None:
    root = workspace(tmp_path / "mono", "alpha", "beta")
    before = tree_of(root)
    status, output = run_adopt(
        root / "packages/alpha", "--yes", "--template", f"git+{template_repository.as_uri()}"
    )
    assert status == 0, output
    after = tree_of(root)
    assert after[f"{WORKFLOWS}/publish-beta.yml"] == before[f"{WORKFLOWS}/publish-beta.yml"]
    assert b"check_tag.py" in after[f"{WORKFLOWS}/publish-alpha.yml"]
    commit_all(root, "build: release by tag")
    status, output = run_adopt(root / "packages/alpha", "--yes")
    assert (status, output.startswith("Nothing to do")) == (0, True)


def test_a_publisher_behind_tox_is_cut_out_of_ci(tmp_path: Path) -> None:
    job = (
        "  release:\n    needs: test\n    if: startsWith(github.ref, 'refs/tags/')\n"
        "    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n"
        "      - run: pip install tox\n      - run: tox -e release\n"
        "        env:\n          TWINE_PASSWORD: ${{ secrets.PYPI_TOKEN }}\n"
    )
    tox = "[testenv:release]\ncommands =\n    python -m twine upload dist/*\n"
    root = package(tmp_path, ci=CI + job, **{"tox.ini": tox})
    choice = choice_of(root)
    assert (choice.replaced, disarmed(choice)) == ("release.yml", {("ci.yml", "release")})
    assert [job.secrets for job in choice.own] == [("PYPI_TOKEN",)]


def test_a_doubt_stops_adoption_until_a_person_decides(tmp_path: Path) -> None:
    root = REFUSED["doubtful"][0](tmp_path / "demo-pkg")
    with pytest.raises(AdoptionError, match=r"Only a person can say .*nightly\.yml:6"):
        choice_of(root)
    assert choice_of(root, keep=["nightly.yml"]).replaced == "publish.yml"
    choice = choice_of(root, publisher="nightly.yml")
    assert {choice.replaced} | {job.file for job in choice.disarmed} == {"publish.yml", "nightly.yml"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"keep": ["none.yml"]}, "There is no workflow none.yml"),
        ({"publisher": "none.yml"}, "There is no workflow none.yml"),
        ({"publisher": "ci.yml"}, r"No job of \.github/workflows/ci\.yml uploads anything"),
    ],
)
def test_a_decision_about_a_file_that_is_none_is_refused(
    options: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    root = package(tmp_path, publish=TRUSTED)
    with pytest.raises(AdoptionError, match=problem):
        choice_of(root, **options)


def test_a_job_that_does_something_else_stays_in_its_file(tmp_path: Path, template_repository: Path) -> None:
    docs = "  docs:\n    runs-on: ubuntu-latest\n    steps:\n      - run: mkdocs gh-deploy\n"
    root = package(tmp_path, publish=TRUSTED + docs)
    choice = choice_of(root)
    assert (choice.replaced, disarmed(choice)) == ("release.yml", {("publish.yml", "pypi")})
    status, output = run_adopt(root, "--yes", "--template", f"git+{template_repository.as_uri()}")
    assert status == 0, output
    left = (root / WORKFLOWS / "publish.yml").read_text()
    assert "mkdocs gh-deploy" in left
    assert "pypi-publish" not in left


@pytest.mark.parametrize(
    "commit",
    [
        "{name: Tag it, uses: EndBug/add-and-commit@v9, with: {tag: v1}}",
        "{name: Tag it, uses: stefanzweifel/git-auto-commit-action@v6, with: {tagging_message: v1}}",
        "{name: Tag it, run: git push --tags}",
    ],
)
def test_a_job_that_wrote_version_and_tag_goes_and_is_named(commit: str, tmp_path: Path) -> None:
    bump = f"  bump:\n    steps:\n      - {{name: Write it, run: poetry version 2.0}}\n      - {commit}\n"
    text = TRUSTED.replace("  pypi:\n", f"{bump}  pypi:\n    needs: bump\n")
    text = text.replace("on:\n  release:\n    types: [published]\n", "on: workflow_dispatch\n")
    root = package(tmp_path, publish=text)
    told = " ".join(look_at(read_repository(root), choice_of(root)))
    assert (
        "publish.yml:6 Write it; .github/workflows/publish.yml:7 Tag it: gone, because a tag starts" in told
    )


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("{release: {types: [published]}}", "was started by a GitHub Release: from now on push the tag"),
        ("workflow_dispatch", "was started by hand: from now on push the tag"),
        ("{push: {tags: ['v*']}}", ""),
    ],
)
def test_who_started_a_release_in_another_way_is_told(on: str, told: str, tmp_path: Path) -> None:
    root = package(
        tmp_path, publish=TRUSTED.replace("on:\n  release:\n    types: [published]\n", f"on: {on}\n")
    )
    looks = [one for one in look_at(read_repository(root), choice_of(root)) if "from now on" in one]
    assert [f"publish.yml {told}" in one for one in looks] == [True] * bool(told)


def test_a_job_that_needs_the_old_github_release_is_named() -> None:
    steps = "    runs-on: ubuntu-latest\n    steps:\n      - run: gh release"
    made = f"  draft:\n    needs: pypi\n{steps} create v1 --generate-notes\n"
    after = f"  zipapp:\n    needs: draft\n{steps} upload v1 demo.pyz\n"
    with pytest.raises(AdoptionError, match=r"'draft' .* makes the GitHub Release, .* 'zipapp' needs it"):
        without_jobs(parse("publish.yml", TRUSTED + made + after), {"pypi"})


@pytest.mark.parametrize(
    "step",
    [
        "run: mkdocs gh-deploy --force",
        "run: make docs-upload-site",
        "{name: Tell, uses: someone/slack-notify@v1}",
        "run: twine upload --repository-url https://pypi.corp.example/ dist/*",
        "{uses: docker/build-push-action@v6, with: {push: true}}",
        "run: git push origin HEAD:stable",
    ],
)
@pytest.mark.parametrize("base", [TRUSTED, TOKEN])
def test_a_step_beside_the_upload_stops_adoption_and_is_named(base: str, step: str, tmp_path: Path) -> None:
    root = package(tmp_path, publish=f"{base}      - {step}\n")
    line = base.count("\n") + 1
    with pytest.raises(AdoptionError, match=rf"Beside the upload .*publish\.yml:{line} "):
        choice_of(root)


AFTER = {
    "gh": "- run: gh release create v1 dist/*",
    "action": "- uses: softprops/action-gh-release@v2",
    "notes first": """\
- name: Generate release notes
        run: python scripts/latest.py
      - uses: ncipollo/release-action@v1""",
    "changelog by awk": """\
- name: Get Changelog
        run: awk '/^## /{n++} n==1' CHANGELOG.md > .notes.md
      - uses: actions/create-release@main
        with: {body_path: .notes.md}""",
    "a tag afterwards": """\
- name: Push tag
        run: |
          git config user.name bot
          git tag -a v$VERSION -m v$VERSION
          git push origin v${{ inputs.version }}""",
    "set up first": """\
- uses: actions/setup-python@v6
      - uses: sigstore/gh-action-sigstore-python@v3
      - run: |
          echo "TAG=${GITHUB_REF#refs/tags/}" >> $GITHUB_ENV
          gh release upload "$TAG" dist/**""",
}


@pytest.mark.parametrize("steps", AFTER.values(), ids=list(AFTER))
def test_steps_that_make_a_github_release_are_replaced_and_named(steps: str, tmp_path: Path) -> None:
    root = package(tmp_path, publish=f"{TRUSTED}      {steps}\n")
    choice = choice_of(root)
    assert choice.replaced == "publish.yml"
    (told,) = looks_of(root, choice)
    last = TRUSTED.count("\n") + steps[: steps.rindex("- ")].count("\n") + 1
    assert f"{WORKFLOWS}/publish.yml:{last} " in told
    assert told.endswith("drafts the GitHub Release, with the files of the index and no others.")


MAKER = """\
  make:
    needs: {needs}
    if: startsWith(github.ref, 'refs/tags/')
    steps:
      - run: {run}
      - uses: softprops/action-gh-release@v2
        with: {{files: {files}}}
"""


@pytest.mark.parametrize("needs", ["pypi", "[]"])
def test_a_job_that_only_makes_a_github_release_goes_with_the_upload(needs: str, tmp_path: Path) -> None:
    """It would publish one that nobody has read, while the release is under way."""
    other = "  docs:\n    steps:\n      - run: mkdocs build\n"
    maker = MAKER.format(needs=needs, run="ls dist", files="dist/*")
    root = package(tmp_path, publish=TRUSTED + maker + other)
    assert choice_of(root).going == {"publish.yml": {"pypi", "make"}}


@pytest.mark.parametrize("needs", ["pypi", "[]"])
def test_a_job_that_adds_files_of_its_own_to_the_github_release_is_not_lost(
    needs: str, tmp_path: Path
) -> None:
    maker = MAKER.format(needs=needs, run="pyinstaller demo.spec", files="dist/demo.exe")
    root = package(tmp_path, publish=TRUSTED + maker)
    choice = choice_of(root)
    assert (choice.replaced, choice.going) == ("release.yml", {"publish.yml": {"pypi"}})
    assert f"{WORKFLOWS}/publish.yml:20 softprops" in " ".join(look_at(read_repository(root), choice))


def test_a_workflow_that_stays_and_publishes_a_github_release_is_named(tmp_path: Path) -> None:
    step = "      - name: Announce\n        uses: softprops/action-gh-release@v2\n"
    tagged = f"on: {{push: {{tags: ['v*']}}}}\njobs:\n  announce:\n    steps:\n{step}"
    root = package(
        tmp_path, publish=TRUSTED, announce=tagged, draft=f"{tagged}        with: {{draft: true}}\n"
    )
    (told,) = looks_of(root, choice_of(root))
    assert told.startswith(f"{WORKFLOWS}/announce.yml:5 Announce: it makes a GitHub Release")


@pytest.mark.parametrize(("on", "lost"), [("[push, pull_request]", True), ("{push: {tags: ['v*']}}", False)])
def test_tests_of_every_commit_are_not_lost_with_an_upload_in_their_job(
    on: str,
    lost: bool,
    tmp_path: Path,
) -> None:
    job = (
        "    steps:\n      - run: pytest\n      - run: twine upload dist/*\n"
        "        if: startsWith(github.ref, 'refs/tags/')\n"
    )
    root = package(tmp_path, whole=f"on: {on}\njobs:\n  all:\n{job}")
    if not lost:
        assert choice_of(root).replaced == "whole.yml"
        return
    with pytest.raises(AdoptionError, match=r"its tests would be lost: .*whole\.yml:5 pytest") as stopped:
        choice_of(root)
    assert "a job of its own that needs the tests" in stopped.value.fix


def test_a_job_that_uploads_to_another_index_alone_is_told_from_one_beside(tmp_path: Path) -> None:
    index = "{repository-url: https://index.example.org/upload}"
    step = f"      - uses: pypa/gh-action-pypi-publish@v1\n        with: {index}\n"
    root = package(tmp_path, other=f"on: push\njobs:\n  out:\n    steps:\n{step}")
    with pytest.raises(AdoptionError) as stopped:
        choice_of(root)
    place = f"{WORKFLOWS}/other.yml:3 out"
    assert stopped.value.problem == f"{place} uploads to https://index.example.org/upload, and not to PyPI"
    assert stopped.value.fix.startswith("adopt --keep other.yml:out ")
    assert not choice_of(root, keep=["other.yml:out"]).own


@pytest.mark.parametrize("waits", ["[CI, Publish]", "[CI]"])
def test_a_workflow_that_waits_for_the_one_that_is_replaced_is_named(waits: str, tmp_path: Path) -> None:
    after = f"on:\n  workflow_run:\n    workflows: {waits}\njobs:\n  tell:\n    steps:\n      - run: ./tell\n"
    root = package(tmp_path, publish=TRUSTED, after=after)
    told = f"{WORKFLOWS}/after.yml:3 waits for the workflow Publish: name Release there."
    assert looks_of(root, choice_of(root)) == [told] * ("Publish" in waits)


def test_a_called_workflow_that_only_publishes_goes_with_its_caller(
    tmp_path: Path, template_repository: Path
) -> None:
    called = TRUSTED.replace("on:\n  release:\n    types: [published]\n", "on: workflow_call\n")
    caller = "on:\n  push:\n    tags: ['v*']\njobs:\n  go:\n    uses: ./.github/workflows/up.yml\n"
    root = package(tmp_path, up=called, tagged=caller)
    choice = choice_of(root)
    assert (choice.replaced, choice.kept, disarmed(choice)) == ("tagged.yml", None, {("up.yml", "pypi")})
    status, output = run_adopt(root, "--yes", "--template", f"git+{template_repository.as_uri()}")
    assert status == 0, output
    assert sorted(p.name for p in (root / WORKFLOWS).iterdir()) == ["ci.yml", "tagged.yml"]


def test_a_file_whose_jobs_all_publish_goes(tmp_path: Path, template_repository: Path) -> None:
    pushed = TRUSTED.replace("on:\n  release:\n    types: [published]\n", "on: push\n")
    root = package(tmp_path, deploy=pushed)
    status, output = run_adopt(root, "--yes", "--template", f"git+{template_repository.as_uri()}")
    assert status == 0, output
    assert sorted(p.name for p in (root / WORKFLOWS).iterdir()) == ["ci.yml", "release.yml"]


def test_the_report_says_what_is_certain_what_changes_and_what_to_look_at(
    tmp_path: Path, template_repository: Path
) -> None:
    bot = "on: push\njobs:\n  bump:\n    steps:\n      - uses: googleapis/release-please-action@v4\n"
    nightly = CI.replace("  push:\n    branches: [main]\n  pull_request:", "  pull_request:")
    root = package(tmp_path, publish=TRUSTED, please=bot, pulls=nightly)
    before = tree_of(root)
    status, output = run_adopt(root, "--dry-run", "--template", f"git+{template_repository.as_uri()}")
    assert (status, tree_of(root)) == (0, before)
    places = [output.index(heading) for heading in ("Certain", "Changed", "Look at this", "For the commit")]
    assert places == sorted(places)
    words = " ".join(output.split())
    assert "- .github/workflows/please.yml:5 release-please: a tag pushed with GITHUB_TOKEN" in words
    assert "- .github/workflows/pulls.yml:5 tests no push to main" in words
    assert "publish.yml:6" in words
    pasted = output[places[-1] :]
    assert "    build: release by tag\n\n    A tag vX.Y.Z releases demo-pkg.\n" in pasted
    assert "    - .github/workflows/publish.yml: replaced in place" in pasted
    assert "    - [ ] " in pasted


def test_what_was_not_committed_is_found_by_nobody(tmp_path: Path) -> None:
    root = package(tmp_path, publish=TRUSTED)
    write(root, {".git/info/exclude": "local/\n", "local/pyproject.toml": "[project]\nname = 'x'\n"})
    assert choice_of(root).replaced == "publish.yml"


@pytest.mark.requirement("B11")
def test_what_a_person_has_kept_stays_known(tmp_path: Path, template_repository: Path) -> None:
    """doctor, and adopting again, ask no second time."""
    made = make("doubtful", tmp_path)
    status, output = run_adopt(made, "--yes", "--keep", "nightly.yml", "--template", str(template_repository))
    assert status == 0, output
    settings = tomllib.loads((made / ".github/release/settings.toml").read_text())
    assert settings["kept-workflows"] == ["nightly.yml"]
    commit_all(made, "build: release by tag")
    findings = {f.check: f for f in doctor.find(read_context(made, made))}
    assert findings["other-publishers"].found == "none but publish.yml; kept by adoption: nightly.yml"
    status, output = run_adopt(made, "--yes", "--template", str(template_repository))
    assert (status, output.split(":")[0]) == (0, "Nothing to do")
    assert choice_of(made).kept_files == ("nightly.yml",)
