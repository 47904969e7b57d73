"""The rendered documents agree with the workflows, the scripts and the rules that they describe."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import tomllib
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from identify.identify import license_id
from packaging.version import Version
from release_lib.settings import Settings, load_settings, read_tag
from release_lib.step import ReleaseError
from support.combinations import crossed, parse
from support.documents import (
    anchors,
    code_spans,
    dead_links,
    headings,
    links,
    named_items,
    plain,
    shell_blocks,
    table,
    tokens,
)
from support.linting import program
from support.rendering import ROOT, Renderer, choices_of

if TYPE_CHECKING:
    from pathlib import Path

RECOVERY = ".github/release/RECOVERY.md"
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md", "CHANGELOG.md", RECOVERY)
CREATE, KEEP = (f".github/rulesets/release-tags-{name}.json" for name in ("create", "keep"))
RELEASE = ".github/workflows/release.yml"
CHECK_TAG = "uv run .github/release/check_tag.py TAG"
MAINTAIN, ADMIN = 2, 5  # GitHub's numbers of these roles in `bypass_actors`


@dataclasses.dataclass(frozen=True)
class Package:
    """A rendered package.

    Attributes:
        answers: What it was rendered with.
        files: Its files by path.
        settings: Its settings.toml.
    """

    answers: dict[str, Any]
    files: dict[str, bytes]
    settings: Settings

    def text(self, path: str) -> str:
        """One of its files."""
        return self.files[path].decode("utf-8")

    @property
    def documents(self) -> dict[str, str]:
        """Its Markdown files."""
        return {path: self.text(path) for path in self.files if path.endswith(".md")}

    @cached_property
    def release(self) -> Any:  # noqa: ANN401  (any YAML)
        """Its parsed release workflow."""
        return parse(RELEASE, self.text(RELEASE))


@pytest.fixture(scope="module")
def packages(template: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Package]:
    """One package for every content that a document can have, and the rows with awkward free text."""
    renderer = Renderer(template)
    rendered = [variant for document in DOCUMENTS for variant in renderer.variants(document)]
    rendered += [(answers, renderer.files(answers)) for answers in crossed(choices_of(ROOT))]
    folder = tmp_path_factory.mktemp("settings")
    found = []
    for number, (answers, files) in enumerate(rendered):
        path = folder / f"{number}.toml"
        path.write_bytes(files[".github/release/settings.toml"])
        found.append(Package(answers, files, load_settings(path)))
    return found


def distinct(packages: list[Package], *paths: str) -> list[Package]:
    """One package for every content that these files have together."""
    return list({tuple(package.files.get(path) for path in paths): package for package in packages}.values())


# ---- RELEASING.md -------------------------------------------------------------------------------------


@pytest.mark.requirement("P9.1")
def test_the_publisher_values_are_those_of_the_workflow(packages: list[Package]) -> None:
    seen = distinct(packages, "RELEASING.md", RELEASE)
    assert len(seen) > 30
    for package in seen:
        rows = code_spans(package.text("RELEASING.md"), "Field", "TestPyPI", "PyPI")
        names = [r["Field"] for r in table(package.text("RELEASING.md"), "Field", "TestPyPI", "PyPI")]
        values = {name: (row[1], row[2]) for name, row in zip(names, rows, strict=True)}
        owner, _, repository = package.settings.repository.partition("/")
        jobs = package.release["jobs"]
        environments = [jobs[f"publish-{index}"]["environment"]["name"] for index in ("testpypi", "pypi")]
        name = PurePosixPath(RELEASE).name
        assert values == {
            "Project name": ([package.settings.distribution], [package.settings.distribution]),
            "Owner": ([owner], [owner]),
            "Repository name": ([repository], [repository]),
            "Workflow name": ([name], [name]),
            "Environment name": ([environments[0]], [environments[1]]),
        }


@pytest.mark.requirement("P8.4", "C9")
def test_every_job_of_a_release_has_its_item(packages: list[Package]) -> None:
    for package in distinct(packages, RECOVERY, RELEASE):
        text = package.text(RECOVERY)
        telling = {"report", "announce-review", "announce"}  # they hold nothing up
        jobs = [job for job in package.release["jobs"] if job not in telling]
        assert [name for name in named_items(text) if name in package.release["jobs"]] == jobs
        assert set(jobs) <= anchors(text)


def test_the_indexes_are_named_in_the_items_of_their_jobs(packages: list[Package]) -> None:
    published = named_items(packages[0].text(RECOVERY))
    assert "PyPI" not in published["gate"]
    assert "TestPyPI" in published["publish-testpypi"]
    assert "PyPI" in published["publish-pypi"].replace("TestPyPI", "")


@pytest.mark.requirement("P4.4", "P9.5")
def test_every_command_in_a_document_is_valid_shell(packages: list[Package]) -> None:
    blocks = {
        block for package in packages for text in package.documents.values() for block in shell_blocks(text)
    }
    assert len(blocks) > 20
    for block in sorted(blocks):
        done = subprocess.run(
            [program("bash"), "-n"], input=block, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (block, done.stderr)


@pytest.mark.parametrize(("page", "most"), [("RELEASING.md", 110), (RECOVERY, 200)])
def test_a_page_is_short_enough_to_be_read(packages: list[Package], page: str, most: int) -> None:
    """Every variant is; compiled packages have a few lines more."""
    long = {
        (bool(p.answers.get("compiled")), n)
        for p in packages
        if (n := len(p.text(page).splitlines())) > most + (25 if bool(p.answers.get("compiled")) else 0)
    }
    assert long == set()


# ---- The tag convention -------------------------------------------------------------------------------


@pytest.mark.requirement("P4.1", "P4.2", "P4.4")
def test_right_tags_of_the_convention_pass(packages: list[Package]) -> None:
    for package in distinct(packages, "CONTRIBUTING.md", "RELEASING.md"):
        rows = code_spans(package.text(page_of_conventions(package)), "Right", "What it is", "Wrong")
        tags = [tag for right, _, _ in rows for tag in right]
        assert len(tags) >= 4
        for tag in tags:
            assert package.settings.tag(read_tag(tag, package.settings)) == tag


@pytest.mark.requirement("P4.1", "P4.2", "P4.4")
def test_wrong_tags_of_the_convention_are_corrected(packages: list[Package]) -> None:
    for package in distinct(packages, "CONTRIBUTING.md", "RELEASING.md"):
        rows = code_spans(package.text(page_of_conventions(package)), "Right", "What it is", "Wrong")
        wrong = [tag for _, _, tags in rows for tag in tags if re.search(r"\d\.\d", tag)]
        assert len(wrong) >= 6
        for tag in wrong:
            with pytest.raises(ReleaseError) as stopped:
                read_tag(tag, package.settings)
            assert (right := re.findall(r"git tag (?!-)(\S+) ", stopped.value.lines[2]))
            assert [read_tag(proposed, package.settings) for proposed in right]


@pytest.mark.requirement("P3.9", "P4.1")
def test_the_convention_names_the_release_branches(packages: list[Package]) -> None:
    for package in distinct(packages, "CONTRIBUTING.md", "RELEASING.md"):
        listed = tokens(package.text(page_of_conventions(package)))
        start = next(i for i, token in enumerate(listed) if plain(token) == "Version tags")
        paragraph = next(token for token in listed[start + 1 :] if token.type == "inline")
        named = [t.content for t in paragraph.children or [] if t.type == "code_inline"]
        prefix = [package.settings.tag_prefix] if package.settings.tag_prefix else []
        assert named == [*prefix, *package.settings.release_branches, CHECK_TAG]


def test_where_stubs_go_is_said_where_types_are_checked(packages: list[Package]) -> None:
    for package in distinct(packages, "CONTRIBUTING.md", "pyproject.toml"):
        if "CONTRIBUTING.md" in package.files and not package.answers.get("adopted"):
            groups = tomllib.loads(package.text("pyproject.toml"))["dependency-groups"]
            named = re.findall(r"uv add --group (\w+) types-", package.text("CONTRIBUTING.md"))
            assert named == [name for name in groups if name == "types"]
            assert ("types" in package.settings.checks) == ("types" in groups), "what CI installs"


@pytest.mark.requirement("P4.1", "P6.4")
def test_the_readme_links_to_the_convention(packages: list[Package]) -> None:
    for package in distinct(packages, "README.md"):
        found = links(package.text("README.md"))
        pages = {f"{address_of_files(package)}{page}" for page in ("CONTRIBUTING.md#version-tags", "LICENSE")}
        assert pages <= found


@pytest.mark.requirement("P6.4")
def test_no_link_of_the_readme_is_dead_on_the_page_of_the_index(packages: list[Package]) -> None:
    """The index shows the README, and no file beside it."""
    for package in distinct(packages, "README.md"):
        assert [link for link in links(package.text("README.md")) if not urlsplit(link).netloc] == []


def page_of_conventions(package: Package) -> str:
    """Where the package says how tags look."""
    return "RELEASING.md" if package.answers.get("adopted") else "CONTRIBUTING.md"


def address_of_files(package: Package) -> str:
    """Where GitHub shows the files of the default branch."""
    return f"https://github.com/{package.settings.repository}/blob/HEAD/"


# ---- Links, rules, licences ---------------------------------------------------------------------------


def test_every_link_leads_to_a_file_and_a_heading(packages: list[Package]) -> None:
    for package in distinct(packages, *DOCUMENTS):
        here = address_of_files(package)
        documents = {path: text.replace(here, "") for path, text in package.documents.items()}
        assert dead_links(documents, package.files) == []


def test_links_to_the_repository_lead_to_the_right_one(packages: list[Package]) -> None:
    for package in distinct(packages, *DOCUMENTS):
        for path, text in package.documents.items():
            for link in links(text):
                parts = urlsplit(link)
                if parts.netloc == "github.com" and path != "CHANGELOG.md":
                    assert f"{parts.path}/".startswith(f"/{package.settings.repository}/"), link


def test_a_dead_link_is_found() -> None:
    documents = {
        "README.md": "# Top\n## Two `words`, twice!\n## Two words twice\n<a id='here'></a>\n"
        "[a](#two-words-twice-1) [b](#here) [c](docs/x.md#x) [d](https://example.org/nothing)",
        "docs/x.md": "# X\n[up](../README.md) [no](#y) [gone](../GONE.md) [none](../README.md#none)",
    }
    expected = ["docs/x.md: #y", "docs/x.md: ../GONE.md", "docs/x.md: ../README.md#none"]
    assert sorted(dead_links(documents, documents)) == sorted(expected)


@pytest.mark.requirement("P2.4", "X8")
def test_only_maintainers_may_create_release_tags(packages: list[Package]) -> None:
    for package in distinct(packages, CREATE):
        ruleset = json.loads(package.text(CREATE))
        assert (ruleset["target"], ruleset["enforcement"]) == ("tag", "active")
        assert [rule["type"] for rule in ruleset["rules"]] == ["creation"]
        bypass = {(a["actor_type"], a["actor_id"], a["bypass_mode"]) for a in ruleset["bypass_actors"]}
        assert bypass == {("RepositoryRole", MAINTAIN, "always"), ("RepositoryRole", ADMIN, "always")}
        assert refs(ruleset) == [f"refs/tags/{package.settings.tag_prefix}[0-9]*"]


@pytest.mark.requirement("P2.4", "X8")
def test_nobody_may_move_or_delete_release_tags(packages: list[Package]) -> None:
    for package in distinct(packages, KEEP):
        ruleset = json.loads(package.text(KEEP))
        assert (ruleset["target"], ruleset["enforcement"]) == ("tag", "active")
        assert {rule["type"] for rule in ruleset["rules"]} == {"update", "deletion", "non_fast_forward"}
        assert ruleset["bypass_actors"] == []
        assert refs(ruleset) == [f"refs/tags/{package.settings.tag_prefix}[0-9]*"]


def refs(ruleset: dict[str, Any]) -> list[str]:
    """The refs that a ruleset is about."""
    conditions = ruleset["conditions"]["ref_name"]
    assert conditions["exclude"] == []
    included: list[str] = conditions["include"]
    return included


def test_the_licence_text_is_that_of_its_identifier(template: Path, tmp_path: Path) -> None:
    seen = {}
    for answers, files in Renderer(template).variants("LICENSE"):
        path = tmp_path / answers["license"]
        path.write_bytes(files["LICENSE"])
        seen[answers["license"]] = license_id(str(path))
        metadata = parse("pyproject.toml", files["pyproject.toml"].decode())["project"]
        assert metadata["license"] == answers["license"]
    known = {name: None if name.startswith("LicenseRef-") else name for name in choices_of(ROOT)["license"]}
    assert seen == known


def test_the_changelog_names_versions_in_canonical_form(packages: list[Package]) -> None:
    for package in distinct(packages, "CHANGELOG.md"):
        if "CHANGELOG.md" in package.files:
            found = [h.split()[0] for h in headings(package.text("CHANGELOG.md")) if h[0].isdigit()]
            assert found
            assert [str(Version(version)) for version in found] == found
