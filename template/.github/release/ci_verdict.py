# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Ask GitHub whether CI has passed on a commit, so that the test suite does not run twice for it.

It fails closed: whatever is not plainly a passed run of this commit means that the suite runs. A run of
a pull request does not count, because it tested a merge and not the commit.
"""

import argparse
import json
import os
import time
from urllib.parse import urlencode

from release_lib.settings import load_settings, newest_runs
from release_lib.step import ReleaseError, annotate, output, run, step

PAUSE = 15.0  # seconds between two looks at a run in progress


def ci_verdict(repository: str, workflow: str, commit: str, end: float) -> str:
    """The address of the newest CI run of a commit if the newest of each event passed, else an empty text.

    Runs in progress are waited for until `end`, as `time.monotonic` has it.
    """
    query = urlencode({"head_sha": commit, "per_page": 100})
    while True:
        answer = run("gh", "api", f"repos/{repository}/actions/workflows/{workflow}/runs?{query}")
        newest = newest_runs(json.loads(answer)["workflow_runs"], commit)
        if all(item["status"] == "completed" for item in newest) or time.monotonic() >= end:
            break
        time.sleep(PAUSE)
    passed = all((item["status"], item["conclusion"]) == ("completed", "success") for item in newest)
    return str(newest[-1]["html_url"]) if newest and passed else ""


def main() -> None:
    """Say ``passed`` or ``absent``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", nargs="?", default=os.environ.get("COMMIT"), help="default: $COMMIT")
    options = parser.parse_args()
    if not options.commit:
        parser.error("name a commit, or set COMMIT")
    settings = load_settings()
    repository = os.environ.get("GITHUB_REPOSITORY") or settings.repository
    try:
        end = time.monotonic() + settings.patience
        found = [ci_verdict(repository, name, options.commit, end) for name in settings.ci_workflows]
        passed = " ".join(found) if all(found) else ""
    except (ReleaseError, ValueError, KeyError, TypeError) as error:
        annotate("warning", "CI verdict", f"GitHub did not say whether CI passed: {error}")
        passed = ""
    if not passed:
        settings.check_tested("gh run rerun")
    reused = f"CI has passed on this commit, so its suite is not run again: {passed}"
    missing = "No passed CI run of this commit: the whole suite runs now"
    annotate("notice", "CI verdict", reused if passed else missing)
    output(ci="passed" if passed else "absent")


if __name__ == "__main__":
    step(main)
