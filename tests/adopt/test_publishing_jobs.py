"""Which jobs publish, and how they are cut out of a workflow."""

from __future__ import annotations

from textwrap import dedent

import pytest
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.publishing_jobs import find_bots, side_jobs, without_jobs
from copier_pypi_release.uploads import upload_command
from copier_pypi_release.workflow_files import parse
from release_lib.step import ReleaseError


def job(*steps: str, **keys: str) -> str:
    lines = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    return f"on: push\njobs:\n  one:\n{lines}    steps:\n" + "".join(f"      - {step}\n" for step in steps)


@pytest.mark.parametrize(
    ("step", "index", "trusted"),
    [
        ("uses: pypa/gh-action-pypi-publish@release/v1", "pypi", True),
        ("uses: pypa/gh-action-pypi-publish@0123 # v1", "pypi", True),
        ("{uses: pypa/gh-action-pypi-publish@v1, with: {password: '${{ secrets.TOKEN }}'}}", "pypi", False),
        (
            "{uses: pypa/gh-action-pypi-publish@v1, with: {repository-url: 'https://test.pypi.org/legacy/'}}",
            "testpypi",
            True,
        ),
        ("run: twine upload dist/*", "pypi", True),
        ("run: python -m twine upload --repository testpypi dist/*", "testpypi", True),
        ("run: uv publish", "pypi", True),
        ("{run: uv publish, env: {UV_PUBLISH_TOKEN: '${{ secrets.TOKEN }}'}}", "pypi", False),
        ("run: poetry publish --build", "pypi", True),
        ("run: poetry publish -r testpypi", "testpypi", True),
        ("run: flit publish", "pypi", True),
        ("run: hatch publish", "pypi", True),
        ("run: pdm publish", "pypi", True),
        ("run: python setup.py sdist upload", "pypi", True),
        ("run: twine --no-color upload dist/*", "pypi", True),
        ("run: poetry -n publish", "pypi", True),
        ("run: uv --directory packages/demo publish --index testpypi", "testpypi", True),
        ("run: maturin upload dist/*", "pypi", True),
        ("uses: PyPA/gh-action-pypi-publish@v1", "pypi", True),
        ("uses: octo-org/gh-action-pypi-publish@v1", "pypi", True),
        ("uses: python-semantic-release/python-semantic-release@v7.34.6", "pypi", True),
    ],
)
def test_every_way_to_publish_is_seen(step: str, index: str, *, trusted: bool) -> None:
    text = job(step, permissions="{id-token: write}", environment="live")
    found = parse("x.yml", text).publishing_jobs()
    assert [(p.index, p.trusted, p.environment) for p in found] == [(index, trusted, "live")]


@pytest.mark.parametrize(
    "step",
    [
        "run: pip install twine",
        "uses: actions/checkout@v4",
        "run: echo publish",
        "{run: '# twine upload dist/*'}",
        "run: twine check dist/*",
        "run: uv build && echo ready to publish",
        "uses: python-semantic-release/python-semantic-release@v9.8.0",
    ],
)
def test_what_does_not_publish_is_not_taken_for_it(step: str) -> None:
    assert parse("x.yml", job(step)).publishing_jobs() == []


@pytest.mark.parametrize(
    ("on", "only_releases", "tests_commits"),
    [
        ("push", False, True),
        ("{push: {tags: ['v*']}}", True, False),
        ("{push: {tags: ['v*'], branches: [main]}}", False, True),
        ("[release, workflow_dispatch]", True, False),
        ("{pull_request: }", False, True),
        ("{push: {tags: ['v*']}, pull_request: }", False, True),
        ("{schedule: [{cron: '0 0 * * *'}]}", False, False),
    ],
)
def test_what_starts_a_workflow_says_what_it_is_for(
    on: str, *, only_releases: bool, tests_commits: bool
) -> None:
    workflow = parse("x.yml", f"on: {on}\njobs: {{}}\n")
    assert (workflow.only_releases, workflow.tests_commits) == (only_releases, tests_commits)


def test_a_job_that_does_something_else_is_found() -> None:
    text = dedent(
        """\
        on: {release: {types: [published]}}
        jobs:
          build: {steps: [{run: make}]}
          pypi: {needs: build, steps: [{uses: pypa/gh-action-pypi-publish@v1}]}
          github: {needs: pypi, steps: [{uses: softprops/action-gh-release@v2}]}
          image: {needs: pypi, steps: [{run: docker push}]}
        """
    )
    assert side_jobs(parse("x.yml", text), {"pypi"}) == ["image"]


CUT = dedent(
    """\
    # head
    on: push
    permissions:
      contents: read
      id-token: write # for PyPI

    jobs:
      test:   # first
        steps: [{run: pytest}]

      # It uploads.
      upload:
        needs: test
        steps:
          - run: uv publish

      # It says so.
      done:
        needs: [test]
        steps: [{run: echo ok}]
    """
)


def test_a_job_is_cut_out_with_its_comments_and_every_other_byte_stays() -> None:
    after = without_jobs(parse("x.yml", CUT), {"upload"})
    removed = "  # It uploads.\n  upload:\n    needs: test\n    steps:\n      - run: uv publish\n\n"
    assert after == CUT.replace(removed, "").replace("  id-token: write # for PyPI\n", "")


def test_the_last_job_is_cut_out_too() -> None:
    after = without_jobs(parse("x.yml", CUT), {"done"})
    assert after.endswith("      - run: uv publish\n")
    assert "It says so" not in after


def test_a_job_that_another_one_needs_is_not_cut_out() -> None:
    with pytest.raises(AdoptionError, match=r"'test' in x\.yml publishes, and 'upload' needs it"):
        without_jobs(parse("x.yml", CUT), {"test"})


@pytest.mark.parametrize(
    "script", ["deploy:\n  provider: pypi\n", "script:\n  - twine \\\n    upload dist/*\n"]
)
def test_other_ci_systems_upload_too(script: str) -> None:
    assert upload_command(script)


def test_a_loop_of_needs_ends() -> None:
    workflow = parse("x.yml", "jobs: {a: {needs: b}, b: {needs: [a, c]}, c: {}}")
    assert workflow.needs("a") == {"a", "b", "c"}
    assert workflow.needs("c") == set()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("on: push\njobs: [\n", "x.yml is not YAML at line 3"),
        ("- a\n", "x.yml is not a workflow: it has no keys"),
    ],
)
def test_what_is_no_workflow_is_named_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(ReleaseError, match=problem):
        parse("x.yml", text)


@pytest.mark.requirement("B2")
@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("uses: googleapis/release-please-action@v4", "release-please"),
        ("uses: google-github-actions/release-please-action@v3", "release-please"),
        ("uses: python-semantic-release/python-semantic-release@v9.8.0", "semantic-release"),
        ("uses: cycjimmy/semantic-release-action@v4", "semantic-release"),
        ("run: npx semantic-release", "semantic-release"),
        ("run: semantic-release version", "semantic-release"),
        ("uses: changesets/action@v1", "changesets"),
        ("uses: commitizen-tools/commitizen-action@master", "commitizen"),
        ("run: cz bump --yes && git push --tags", "commitizen"),
        ("run: cz bump --yes --version-scheme semver && git push --tags", "commitizen"),
        ("run: bump-my-version bump patch && git push --follow-tags", "a bump of the version"),
        ("uses: mathieudutour/github-tag-action@v6", "a tagging action"),
        ("run: git tag v1 && git push origin --tags", "a pushed tag"),
        ('run: git push origin "$VERSION"', "a pushed tag"),
        ("run: git push origin v${{ github.event.inputs.version }}", "a pushed tag"),
        ("run: git push origin ${{ steps.next.outputs.new_tag }}", "a pushed tag"),
    ],
)
def test_a_release_bot_is_named_with_its_line_and_what_to_do(step: str, name: str) -> None:
    (bot,) = find_bots([parse("x.yml", job("uses: actions/checkout@v4", step))])
    assert (bot.place, bot.name, bot.silent) == (".github/workflows/x.yml:6", name, True)
    assert "a tag pushed with GITHUB_TOKEN starts no release" in bot.advice


def test_a_bot_with_a_token_of_its_own_starts_the_release() -> None:
    step = "{uses: googleapis/release-please-action@v4, with: {token: '${{ secrets.BOT }}'}}"
    (bot,) = find_bots([parse("x.yml", job(step))])
    assert not bot.silent
    assert "its tag starts the release" in bot.advice


@pytest.mark.parametrize(
    "step",
    [
        "run: git push origin HEAD:gh-pages",
        "run: hatch version",
        "run: git tag --list",
        "run: pytest",
        "run: cz bump --dry-run --yes",
        "run: cz --no-raise 21 bump --get-next",
        "run: semantic-release --noop version",
        "run: echo 'run cz bump'",
    ],
)
def test_what_tags_nothing_is_no_bot(step: str) -> None:
    assert find_bots([parse("x.yml", job(step))]) == []


def test_a_bot_in_a_workflow_that_goes_is_not_named() -> None:
    assert find_bots([parse("x.yml", job("uses: changesets/action@v1"))], {"x.yml"}) == []
