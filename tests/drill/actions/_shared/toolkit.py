"""What the stand-in actions share: inputs, outputs, annotations, the artifact service.

Standard library only, for the interpreter of the emulated runner. A copy lies beside each
`main.py` when it runs.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NoReturn

#: Tries of a request that fails with 5xx or without an answer. Source: @actions/artifact.
ATTEMPTS = 5


def given(name: str) -> str:
    """Return an input of the action, "" when it is not set."""
    return os.environ.get("INPUT_" + name.upper().replace("-", "_"), "").strip()


def flag(name: str) -> bool:
    """Return a boolean input. Like @actions/core it takes only YAML 1.2's spellings."""
    value = given(name)
    if value.lower() not in {"true", "false", ""}:
        fail(f"Input does not meet YAML 1.2 Core Schema specification: {name}")
    return value.lower() == "true"


def say(text: str) -> None:
    """Print a line to the log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def note(kind: str, text: str) -> None:
    """Print an annotation: kind is error, warning or notice."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    say(f"::{kind}::{escaped}")


def fail(text: str) -> NoReturn:
    """End the action with an error."""
    note("error", text)
    sys.exit(1)


def output(name: str, value: str) -> None:
    """Set an output of the action."""
    append("GITHUB_OUTPUT", f"{name}={value}")


def append(variable: str, line: str) -> None:
    """Append a line to one of the runner's command files."""
    with Path(os.environ[variable]).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def request(url: str, method: str, data: bytes | None, headers: dict[str, str]) -> bytes:
    """Send a request and return the answer, with tries again after a server's or network's failure.

    Raises:
        RuntimeError: with the status and the message of the last answer.
    """
    why = ""
    for attempt in range(ATTEMPTS):
        time.sleep(0.2 * attempt)
        asked = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                text = json.loads(text)["message"]
            except (ValueError, KeyError, TypeError):
                text = error.reason
            why = f"({error.code}) {text}"
            if error.code < 500:  # the client's own fault: trying again is no use
                break
        except OSError as error:
            why = str(error)
    raise RuntimeError(why)


def artifact_service(method: str, **body: object) -> dict[str, Any]:
    """Call a method of the run's artifact service.

    Raises:
        RuntimeError: when it refuses.
    """
    base = os.environ["ACTIONS_RESULTS_URL"].rstrip("/")
    url = f"{base}/twirp/github.actions.results.api.v1.ArtifactService/{method}"
    headers = {
        "Authorization": f"Bearer {os.environ['ACTIONS_RUNTIME_TOKEN']}",
        "Content-Type": "application/json",
        "User-Agent": "actions/artifact",
    }
    try:
        answer: dict[str, Any] = json.loads(request(url, "POST", json.dumps(body).encode(), headers))
    except RuntimeError as error:
        message = f"Failed to {method}: Received non-retryable error: Failed request: {error}"
        raise RuntimeError(message) from error
    return answer
