# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# [tool.uv]
# exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Look for the wheels that an earlier attempt of this run has kept for a platform, so that none is built twice.

Compilers need not give the same contents again. An artifact counts only if it was kept while the job of its
platform was keeping it: whatever runs in a later job could put another one in the place of its name. Where that is
not plain, the wheels are built again; later stages compare them with what is published.
"""

import argparse
import json
import os
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from release_lib.settings import load_settings
from release_lib.step import ReleaseError, annotate, output, run, step

at = datetime.fromisoformat
JOB, STEP = "Wheels ({})", "Keep the wheels"  # their names in the workflow


def earlier_wheels(run_of: str, attempts: int, name: str, job: str) -> str:
    """The id of the artifact that a job of one of the earlier attempts has kept, or an empty text.

    `run_of` is the run's address in the API.
    """

    def get(path: str, **query: str | int) -> Any:
        return json.loads(run("gh", "api", f"{run_of}/{path}?{urlencode({**query, 'per_page': 100})}"))

    artifacts = get("artifacts", name=name)["artifacts"]
    jobs = [j for n in range(1, attempts + 1) for j in get(f"attempts/{n}/jobs")["jobs"] if j["name"] == job]
    kept = [s for j in jobs for s in j["steps"] if (s["name"], s["conclusion"]) == (STEP, "success")]
    spans = [(at(s["started_at"]), at(s["completed_at"])) for s in kept]
    for artifact in artifacts:
        made = at(artifact["created_at"])
        if not artifact["expired"] and any(start <= made <= end for start, end in spans):
            return str(artifact["id"])
    return ""


def main() -> None:
    """Hand on the id of the artifact with the wheels of $PLATFORM, or an empty text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("platform", nargs="?", default=os.environ.get("PLATFORM"), help="default: $PLATFORM")
    platform, found = parser.parse_args().platform, ""
    attempts = int(os.environ.get("GITHUB_RUN_ATTEMPT", "1")) - 1
    if attempts:
        repository = os.environ.get("GITHUB_REPOSITORY") or load_settings().repository
        run_of = f"repos/{repository}/actions/runs/{os.environ.get('GITHUB_RUN_ID')}"
        try:
            found = earlier_wheels(run_of, attempts, f"wheels-{platform}", JOB.format(platform))
        except (ReleaseError, ValueError, KeyError, TypeError) as error:
            annotate("warning", "Earlier wheels", f"GitHub did not say which wheels are there: {error}")
        again = f"No earlier attempt has kept wheels for {platform}: they are built now"
        taken = f"The wheels for {platform} are those of an earlier attempt (artifact {found})"
        annotate("notice", "Earlier wheels", taken if found else again)
    output(artifact=found)


if __name__ == "__main__":
    step(main)
