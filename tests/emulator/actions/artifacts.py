"""What the stand-ins for the two artifact actions share: the run's artifact service."""

from __future__ import annotations

import contextlib
import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

#: Tries of a request that fails with 5xx or without an answer. Source: @actions/artifact.
ATTEMPTS = 5


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
            why = f"({error.code}) {error.reason}"
            with contextlib.suppress(ValueError, KeyError, TypeError):
                why += f": {json.loads(text)['msg']}"
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
