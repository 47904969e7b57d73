# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Look for the wheels that an earlier attempt of this run has kept for a platform, so that none is built twice.

Compilers need not give the same contents again. What a job has handed on stands in its log, before anything that
it tests could write there: the artifact's id, and the hash of each wheel. An id is never given twice, so whatever
another job puts in the place of the name is not taken; and later jobs compare the hashes. Wheels whose job failed
are built again.
"""

import argparse
import json
import os
import re
from typing import Any
from urllib.parse import urlencode

from release_lib.distributions import parse_checksums
from release_lib.settings import load_settings
from release_lib.step import ReleaseError, annotate, append, output, run, step
from release_lib.wheels import SEE

JOB = "Wheels ({})"  # its name in the workflow
HANDED_ON = "Handed on: "  # begins the line in the log; GitHub writes the time before it
LINE = re.compile(rf"(?m)^(?:\S+Z )?{HANDED_ON}(\{{.*\}})\r?$")


def earlier_wheels(repository: str, run_id: str, attempts: int, platform: str) -> tuple[str, str]:
    """Id and hashes of the wheels that a job of one of the earlier attempts has handed on, or empty texts."""

    def get(path: str, **query: str | int) -> str:
        return run("gh", "api", f"repos/{repository}/actions/{path}?{urlencode({**query, 'per_page': 100})}")

    kept = json.loads(get(f"runs/{run_id}/artifacts", name=f"wheels-{platform}"))["artifacts"]
    there = {str(artifact["id"]) for artifact in kept if not artifact["expired"]}
    for number in range(1, attempts + 1) if there else ():
        for job in json.loads(get(f"runs/{run_id}/attempts/{number}/jobs"))["jobs"]:
            if (job["name"], job["conclusion"]) == (JOB.format(platform), "success"):
                found = LINE.search(run("gh", "api", f"repos/{repository}/actions/jobs/{job['id']}/logs"))
                said: dict[str, Any] = json.loads(found[1]) if found else {}
                if said.get("artifact") in there:
                    parse_checksums(said["hashes"], f"The log of {job['name']}")
                    return said["artifact"], said["hashes"]
    return "", ""


def look(platform: str, attempts: int) -> None:
    """Hand on id and hashes of the wheels that are there, to the steps of this job, or empty texts."""
    found = ("", "")
    if attempts:
        repository = os.environ.get("GITHUB_REPOSITORY") or load_settings().repository
        try:
            found = earlier_wheels(repository, os.environ.get("GITHUB_RUN_ID", ""), attempts, platform)
        except (ReleaseError, ValueError, KeyError, TypeError, AttributeError) as error:
            annotate("warning", "Earlier wheels", f"Which wheels are there is unknown: {error}")
        again = f"No earlier attempt has kept wheels for {platform}: they are built now"
        taken = f"The wheels for {platform} are those of an earlier attempt (artifact {found[0]})"
        annotate("notice", "Earlier wheels", taken if found[0] else again)
    output(artifact=found[0], hashes=found[1])


def hand_on(platform: str, artifact: str, hashes: str) -> None:
    """Hand id and hashes on to other jobs by the name of the platform, and to later attempts by the log."""
    parse_checksums(hashes, "$WHEELS")
    if not artifact.isdecimal():
        raise ReleaseError(
            f"$ARTIFACT is {artifact!r}",
            expected="the id of the artifact with the wheels",
            fix="take it from the step that kept them, as the workflow is rendered",
            see=SEE,
        )
    print(HANDED_ON + json.dumps({"artifact": artifact, "hashes": hashes}), flush=True)
    append("GITHUB_OUTPUT", f"{platform}={artifact}\n{platform}-hashes<<END\n{hashes}\nEND\n")


def main() -> None:
    """Look for the wheels of $PLATFORM, or hand $ARTIFACT and $WHEELS on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("platform", nargs="?", default=os.environ.get("PLATFORM"), help="default: $PLATFORM")
    parser.add_argument("--hand-on", action="store_true", help="hand on what $ARTIFACT and $WHEELS say")
    options = parser.parse_args()
    if options.hand_on:
        hand_on(options.platform or "", os.environ.get("ARTIFACT", ""), os.environ.get("WHEELS", ""))
    else:
        look(options.platform or "", int(os.environ.get("GITHUB_RUN_ATTEMPT", "1")) - 1)


if __name__ == "__main__":
    step(main)
