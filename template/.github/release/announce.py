# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3", "requests==2.34.2"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Tell a chat that a release waits for its review, stopped, was declined, or is complete up to its draft.

One JSON post to $WEBHOOK, in the form that its host takes: Slack, Discord, Teams, Mattermost, or anything that
reads `text`. Whatever goes wrong here is a warning: telling people holds no release up.
"""

import argparse
import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from release_lib.settings import add_tag_argument, load_settings
from release_lib.step import ReleaseError, annotate, run, step

TEAMS = ("webhook.office.com", "logic.azure.com", "api.powerplatform.com")


def payload_for(host: str, text: str, facts: dict[str, str]) -> dict[str, Any]:
    """What a host takes; nobody is mentioned, whatever the text says."""
    if host == "hooks.slack.com":
        return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    if host in {"discord.com", "discordapp.com"}:
        return {"content": text, "allowed_mentions": {"parse": []}}
    if host.endswith(TEAMS):
        body = [{"type": "TextBlock", "text": text, "wrap": True}]
        card = {"type": "AdaptiveCard", "version": "1.4", "body": body}
        kind = "application/vnd.microsoft.card.adaptive"
        return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}
    return {"text": text, **facts}


def state_of(needs: dict[str, Any], run_id: str, environments: Mapping[str, str]) -> str:
    """What became of a release, in words; `needs` has the result of each job, in order."""
    if "github-release" not in needs:
        return "waits for the review of PyPI's environment"
    results = [fact["result"] for fact in needs.values()]
    if set(results) == {"success"}:
        return "is complete: publish its draft"
    stage = next(job for job, result in zip(needs, results, strict=True) if result != "success")
    environment = environments.get(stage.removeprefix("publish-"), "").casefold()
    try:
        reviews = json.loads(run("gh", "api", f"repos/{{owner}}/{{repo}}/actions/runs/{run_id}/approvals"))
        said = {
            r["state"] for r in reviews if environment in {e["name"].casefold() for e in r["environments"]}
        }
    except (ReleaseError, ValueError, TypeError, KeyError, AttributeError):
        said = set()
    # All attempts are listed: approved once and declined once, nobody knows which came last.
    return f"was declined before {stage}" if said == {"rejected"} else f"stopped at {stage}"


def tell(webhook: str, text: str, facts: dict[str, str]) -> None:
    """Post, once; the address is a secret, and appears in no message."""
    if not webhook:
        annotate("notice", "Webhook", "The secret RELEASE_WEBHOOK is not set, so nobody is told.")
        return
    try:
        payload = payload_for(urlsplit(webhook).hostname or "", text, facts)
        done = requests.post(webhook, json=payload, timeout=10)
        problem = "" if done.ok else f"status {done.status_code}"
    except (requests.RequestException, ValueError) as error:
        problem = type(error).__name__
    if problem:
        annotate("warning", "Webhook", f"Nobody was told '{text}': {problem}")


def main() -> None:
    """Tell what $NEEDS says of the tag."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_tag_argument(parser)
    tag = re.sub(r"[^\w.!/+-]", "?", parser.parse_args().tag)  # a start by hand can name anything
    try:
        needs, address = json.loads(os.environ["NEEDS"]), os.environ["RUN_URL"]
    except (KeyError, ValueError) as error:
        parser.error(f"set NEEDS to the results of the jobs, and RUN_URL to the run's address: {error}")
    settings = load_settings()
    state = state_of(needs, address.rpartition("/")[2], settings.environments)
    facts = {"package": settings.distribution, "tag": tag, "state": state, "run": address}
    tell(os.environ.get("WEBHOOK", ""), f"{settings.distribution} {tag} {state}: {address}", facts)


if __name__ == "__main__":
    step(main)
