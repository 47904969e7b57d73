"""Every guard of a release removed, one after the other: ``uv run tests/release/guards.py [WORD]``.

Each removal must make a test fail, or the guard is proved by nothing. The repository is copied; the tests
that are named run there. The rules of the workflows have their own in tests/test_workflows.py.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = "template/.github/release"
TOOL = "extensions/copier_pypi_release"


@dataclasses.dataclass(frozen=True)
class Removal:
    """A guard, and how it is removed.

    Attributes:
        guard: What it stops.
        path: The file that it stands in.
        old: A text in there, once.
        new: What takes its place.
        tests: What must fail then.
    """

    guard: str
    path: str
    old: str
    new: str
    tests: str


REMOVALS = (
    Removal(
        "a tag that is not spelled as the index spells it",
        f"{SCRIPTS}/release_lib/settings.py",
        "elif str(version) != spelled:",
        "elif False:",
        "tests/release/test_settings.py",
    ),
    Removal(
        "a tag with a local part",
        f"{SCRIPTS}/release_lib/settings.py",
        "elif version.local is not None:",
        "elif False:",
        "tests/release/test_settings.py",
    ),
    Removal(
        "a tag .devN, after which nothing builds",
        f"{SCRIPTS}/release_lib/settings.py",
        "if version.dev:",
        "if False:",
        "tests/release/test_settings.py",
    ),
    Removal(
        "a shallow clone",
        f"{SCRIPTS}/check_commit.py",
        'if git("rev-parse", "--is-shallow-repository") != "false":',
        "if False:",
        "tests/release/test_check_commit.py",
    ),
    Removal(
        "a changed tree",
        f"{SCRIPTS}/check_commit.py",
        "    if changed:\n",
        "    if False:\n",
        "tests/release/test_check_commit.py",
    ),
    Removal(
        "contents that git keeps elsewhere",
        f"{SCRIPTS}/check_commit.py",
        "    if absent:\n",
        "    if False:\n",
        "tests/release/test_check_commit.py",
    ),
    Removal(
        "a tag that stands on another commit",
        f"{SCRIPTS}/check_commit.py",
        "if here != head:",
        "if False:",
        "tests/release/test_check_commit.py",
    ),
    Removal(
        "a tag that has moved",
        f"{SCRIPTS}/release_lib/settings.py",
        "if now != began:",
        "if False:",
        "tests/release/test_check_commit.py",
    ),
    Removal(
        "a tag that has moved since the build",
        f"{SCRIPTS}/draft_release.py",
        'if commit := os.environ.get("COMMIT"):',
        "if False:",
        "tests/release/test_draft_release.py",
    ),
    Removal(
        "two version tags on a commit",
        f"{SCRIPTS}/check_commit.py",
        "    if rivals := ",
        "    if rivals := None and ",
        "tests/release/test_check_commit.py",
    ),
    Removal(
        "two tags of a version",
        f"{SCRIPTS}/check_commit.py",
        "    if same := ",
        "    if same := None and ",
        "tests/release/test_check_commit.py",
    ),
    Removal(
        "a commit on no release branch",
        f"{SCRIPTS}/check_commit.py",
        "    if not any(branch_pattern(",
        "    if False and not any(branch_pattern(",
        "tests/release/test_check_commit.py",
    ),
    Removal(
        "a release without notes",
        f"{SCRIPTS}/release_notes.py",
        "    if not notes:\n",
        "    if False:\n",
        "tests/release/test_release_notes.py",
    ),
    Removal(
        "a verdict of an older run",
        f"{SCRIPTS}/release_lib/settings.py",
        'return list({run["event"]: run for run in found}.values())',
        "return found[-1:]",
        "tests/release/test_ci_verdict.py",
    ),
    Removal(
        "a verdict on another commit",
        f"{SCRIPTS}/release_lib/settings.py",
        'if run["head_sha"] == commit and',
        "if",
        "tests/release/test_ci_verdict.py",
    ),
    Removal(
        "two builds that differ",
        f"{SCRIPTS}/build_distributions.py",
        "    if differing := ",
        "    if differing := None and ",
        "tests/release/test_build_distributions.py",
    ),
    Removal(
        "build packages without hashes",
        f"{SCRIPTS}/build_distributions.py",
        '"--require-hashes", ',
        "",
        "tests/release/test_build_distributions.py",
    ),
    Removal(
        "a version that is not the tag's",
        f"{SCRIPTS}/check_distributions.py",
        "    if wrong := ",
        "    if wrong := None and ",
        "tests/release/test_check_distributions.py",
    ),
    Removal(
        "files that are not those of the build",
        f"{SCRIPTS}/release_lib/distributions.py",
        "if wrong := sorted(name for name in built | found if built.get(name) != found.get(name)):",
        "if False:",
        "tests/release/test_distributions.py",
    ),
    Removal(
        "an empty list of hashes, or one with paths",
        f"{SCRIPTS}/release_lib/distributions.py",
        "if version is None or others or len(hashes) != len(lines):",
        "if False:",
        "tests/release/test_distributions.py",
    ),
    Removal(
        "other contents on an index, before the upload",
        f"{SCRIPTS}/release_lib/index.py",
        "if self.state is State.CONFLICT:",
        "if False:",
        "tests/release/test_check_index.py",
    ),
    Removal(
        "an upload that the index takes no more",
        f"{SCRIPTS}/check_index.py",
        "if found.first_upload and dt.datetime.now(dt.UTC) - found.first_upload > indexes.OPEN_FOR:",
        "if False:",
        "tests/release/test_check_index.py",
    ),
    Removal(
        "a wheel of a platform that the index does not take",
        f"{SCRIPTS}/check_index.py",
        "if not all(map(PLATFORMS.fullmatch, tags)):",
        "if False:",
        "tests/release/test_check_index.py",
    ),
    Removal(
        "a version that is not the installed one",
        f"{SCRIPTS}/install_distribution.py",
        "assert installed == expected,",
        "assert installed,",
        "tests/release/test_install_distribution.py",
    ),
    Removal(
        "an import from another place",
        f"{SCRIPTS}/install_distribution.py",
        "assert place.startswith(sys.prefix),",
        "assert place,",
        "tests/release/test_install_distribution.py",
    ),
    Removal(
        "a file that another publisher uploaded",
        f"{SCRIPTS}/verify_index.py",
        "if not any(expected.is_same(other) for other in found):",
        "if False:",
        "tests/release/test_verify_index.py",
    ),
    Removal(
        "other contents than the index lists",
        f"{SCRIPTS}/verify_index.py",
        "if distributions.sha256_of(data) != built[name]:",
        "if False:",
        "tests/release/test_verify_index.py",
    ),
    Removal(
        "a GitHub Release that serves other files",
        f"{SCRIPTS}/draft_release.py",
        "    if wrong := ",
        "    if wrong := None and ",
        "tests/release/test_draft_release.py",
    ),
    Removal(
        "a published GitHub Release that lacks files",
        f"{SCRIPTS}/draft_release.py",
        'if wanted and not release["isDraft"]:',
        "if False:",
        "tests/release/test_draft_release.py",
    ),
    Removal(
        "workflow commands in the text of others",
        f"{SCRIPTS}/release_lib/step.py",
        'return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)',
        "return text",
        "tests/release/test_step.py tests/test_untrusted.py",
    ),
    Removal(
        "a stranger's issue about a release",
        f"{SCRIPTS}/report_outcome.py",
        ' and i["author"]["login"] in AUTHORS)',
        ")",
        "tests/release/test_report_outcome.py",
    ),
    Removal(
        "a stranger's issue of the watch",
        f"{TOOL}/issues.py",
        ", creator=who",
        "",
        "tests/commands/test_watch.py tests/commands/test_check_update.py",
    ),
    Removal(
        "a ~/.netrc in place of the token",
        f"{TOOL}/github.py",
        "self._session.auth = Bearer(token)",
        'self._session.headers["Authorization"] = f"Bearer {token}"',
        "tests/commands/test_github.py",
    ),
    Removal(
        "a file on PyPI that nobody attests",
        f"{TOOL}/watching.py",
        "if found else [None]",
        "if found else []",
        "tests/commands/test_watch.py",
    ),
    Removal(
        "a new owner of the project on PyPI",
        f"{TOOL}/watching.py",
        "        if name not in known:\n",
        "        if False:\n",
        "tests/commands/test_watch.py",
    ),
    Removal(
        "an issue of the watch that a commit closed",
        f"{TOOL}/issues.py",
        'if issue.get("state_reason") == "not_planned"',
        "",
        "tests/commands/test_watch.py",
    ),
    Removal(
        "an issue of the watch that a bot closed",
        f"{TOOL}/issues.py",
        'if (issue.get("closed_by") or {}).get("type") == "User"',
        "",
        "tests/commands/test_watch.py",
    ),
    Removal(
        "a stolen token's file, with the issue about it closed",
        f"{TOOL}/watching.py",
        "if alarm.by_list or line_of(alarm)",
        "if line_of(alarm)",
        "tests/commands/test_watch.py",
    ),
    Removal(
        "a file that an index lists twice",
        f"{SCRIPTS}/release_lib/index.py",
        "dataclasses.replace(file, digests={}) if file.filename in found else file",
        "file",
        "tests/release/test_index.py",
    ),
    Removal(
        "deploy keys and apps that bypass a rule",
        f"{TOOL}/github_settings.py",
        """return not is_maintainers(actor) and actor.get("actor_type") not in {"Team", "User"}""",
        """return actor.get("actor_id") == 4""",
        "tests/checks/test_github.py",
    ),
    Removal(
        "a rule that asks nobody for an approval",
        f"{TOOL}/github_settings.py",
        'return bool((asked.get("required_approving_review_count") or 0) > 0 and last)',
        "return True",
        "tests/checks/test_github.py",
    ),
    Removal(
        "a tag rule that is about some release tags",
        f"{TOOL}/github_settings.py",
        "all(matches(p, ref) for ref in refs)",
        "any(matches(p, ref) for ref in refs)",
        "tests/checks/test_github.py",
    ),
    Removal(
        "a branch or tag of any name in an environment",
        f"{TOOL}/github_settings.py",
        "    loose = loose_policies(policies, default_branch)\n    kept",
        "    loose = []\n    kept",
        "tests/commands/test_setup.py",
    ),
    Removal(
        "a link planted for adoption's temporary file",
        f"{TOOL}/adopt/apply.py",
        'os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)',
        "os.O_TRUNC",
        "tests/adopt/test_apply.py",
    ),
    Removal(
        "tests of wheels after the build",
        f"{SCRIPTS}/build_wheels.py",
        'variables["CIBW_TEST_SKIP"] = "*"',
        "pass",
        "tests/release/test_build_wheels.py",
    ),
    Removal(
        "a wheel that its tests change",
        f"{SCRIPTS}/build_wheels.py",
        "refuse_other_files(tested, built)",
        "pass",
        "tests/release/test_build_wheels.py",
    ),
    Removal(
        "wheels of an attempt whose tests failed",
        f"{SCRIPTS}/earlier_wheels.py",
        '(JOB.format(platform), "success")',
        '(JOB.format(platform), job["conclusion"])',
        "tests/release/test_earlier_wheels.py",
    ),
    Removal(
        "wheels in the place of those that were handed on",
        f"{SCRIPTS}/earlier_wheels.py",
        'if said.get("artifact") in there:',
        "if said:",
        "tests/release/test_earlier_wheels.py",
    ),
    Removal(
        "a wheel that installers read in two ways",
        f"{SCRIPTS}/collect_distributions.py",
        "    check_contents(",
        "    list(",
        "tests/release/test_collect_distributions.py",
    ),
    Removal(
        "a wheel for more than its platform",
        f"{SCRIPTS}/release_lib/wheels.py",
        "        or not all(any(is_for(tag, i) for i in known) for tag in found)\n",
        "",
        "tests/release/test_collect_distributions.py",
    ),
    Removal(
        "two wheels for one tag",
        f"{SCRIPTS}/release_lib/wheels.py",
        "            if other != name:",
        "            if False:",
        "tests/release/test_collect_distributions.py",
    ),
)


def main() -> int:
    """Remove, run, put back; return the number of guards whose removal nobody noticed."""
    word = " ".join(sys.argv[1:])
    chosen = [removal for removal in REMOVALS if word in f"{removal.guard} {removal.path}"]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
        for changed in subprocess.check_output(["git", "-C", ROOT, "diff", "--name-only"], text=True).split():
            shutil.copy(ROOT / changed, copy / changed)
        survivors = [removal for removal in chosen if not noticed(removal, copy)]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} removals were noticed")
    return len(survivors)


def noticed(removal: Removal, copy: Path) -> bool:
    """Whether a test fails without the guard."""
    path, began = copy / removal.path, time.monotonic()
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace(removal.old, removal.new), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-qx", "-n0", "-p", "no:cacheprovider", *removal.tests.split()]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    path.write_text(whole, encoding="utf-8")
    failed = next((line for line in done.stdout.splitlines() if line.startswith("FAILED")), "nothing failed")
    found = done.returncode == 1
    seconds = time.monotonic() - began
    print(
        f"{'noticed' if found else 'SURVIVED'}  {removal.guard}: {failed[:110]} ({seconds:.0f} s)", flush=True
    )
    return found


if __name__ == "__main__":
    sys.exit(main())
