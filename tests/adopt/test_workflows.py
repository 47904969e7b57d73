"""What is read out of workflows, and what is cut out of them."""

from __future__ import annotations

from textwrap import dedent

import pytest
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.workflows import (
    choose_ci,
    is_gate,
    parse_workflow,
    publishers_of,
    side_jobs,
    simple_commands,
    without_jobs,
)


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
    ],
)
def test_every_way_to_publish_is_seen(step: str, index: str, *, trusted: bool) -> None:
    text = job(step, permissions="{id-token: write}", environment="live")
    found = list(publishers_of(parse_workflow("x.yml", text)))
    assert [(p.index, p.trusted, p.environment) for p in found] == [(index, trusted, "live")]


@pytest.mark.parametrize("step", ["run: pip install twine", "uses: actions/checkout@v4", "run: echo publish"])
def test_what_does_not_publish_is_not_taken_for_it(step: str) -> None:
    assert list(publishers_of(parse_workflow("x.yml", job(step)))) == []


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
    workflow = parse_workflow("x.yml", f"on: {on}\njobs: {{}}\n")
    assert (workflow.only_releases, workflow.tests_commits) == (only_releases, tests_commits)


@pytest.mark.parametrize(
    ("command", "gate"),
    [
        ("make check", True),
        ("make install", False),
        ("uv run pytest -q", True),
        ("uv run --frozen mypy src", True),
        ("poetry run pytest", True),
        ("python -m pytest tests", True),
        ("hatch test --cover", True),
        ("tox", True),
        ("nox -s tests", True),
        ("pip install -e .[dev]", False),
        ("uv sync", False),
        ("echo make check", False),
    ],
)
def test_a_gate_is_told_from_its_preparation(command: str, *, gate: bool) -> None:
    assert is_gate(command) is gate


def test_lines_that_need_a_shell_are_kept_apart() -> None:
    script = (
        'pip install -e ".[dev]" && make check\ncurl x | sh\necho hello\nuv run pytest \\\n  -q\nA=1 pytest\n'
    )
    assert simple_commands(script) == (
        ['pip install -e ".[dev]"', "make check", "uv run pytest -q"],
        ["curl x | sh", "A=1 pytest"],
    )


def test_ci_is_the_workflow_that_checks_the_most() -> None:
    docs = parse_workflow("docs.yml", job("run: make docs"))
    lint = parse_workflow("lint.yml", job("run: ruff check"))
    tests = parse_workflow("tests.yml", job("run: uv sync", "run: uv run ruff check", "run: uv run pytest"))
    gate = choose_ci([docs, lint, tests], "")
    assert (gate.file, gate.commands) == ("tests.yml", ("uv sync", "uv run ruff check", "uv run pytest"))


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
    assert side_jobs(parse_workflow("x.yml", text), {"pypi"}) == ["image"]


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
    after = without_jobs(parse_workflow("x.yml", CUT), {"upload"})
    removed = "  # It uploads.\n  upload:\n    needs: test\n    steps:\n      - run: uv publish\n\n"
    assert after == CUT.replace(removed, "").replace("  id-token: write # for PyPI\n", "")


def test_the_last_job_is_cut_out_too() -> None:
    after = without_jobs(parse_workflow("x.yml", CUT), {"done"})
    assert after.endswith("      - run: uv publish\n")
    assert "It says so" not in after


def test_a_job_that_another_one_needs_is_not_cut_out() -> None:
    with pytest.raises(AdoptionError, match=r"'test' in x\.yml publishes, and 'upload' needs it"):
        without_jobs(parse_workflow("x.yml", CUT), {"test"})
