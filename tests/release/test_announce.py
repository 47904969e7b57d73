"""announce.py: a chat is told what became of a release, and nothing that goes wrong there stops one."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import announce
import pytest
from copier_pypi_release.workflow_files import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release.conftest import Gh, RunStep
    from release.outcomes import Outcome

RUN = "https://github.example/demo-pkg/demo-pkg/actions/runs/7"
REVIEWS = "api_repos/{owner}/{repo}/actions/runs/7/approvals"
COMPLETE = dict.fromkeys(STAGES, "success")
STOPPED = (
    COMPLETE | dict.fromkeys(STAGES[STAGES.index("publish-pypi") :], "skipped") | {"publish-pypi": "failure"}
)
LATER = COMPLETE | dict.fromkeys(STAGES[STAGES.index("verify-pypi") :], "failure")
SECRET = "a-secret-path"  # noqa: S105  (of an address)


def review(state: str, environment: str = "PyPI") -> dict[str, Any]:
    """A review of a run, as GitHub lists it."""
    return {"state": state, "environments": [{"name": environment}]}


@contextlib.contextmanager
def chat(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a webhook on this machine, and what is posted there."""
    posted: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{SECRET}", posted
        finally:
            server.shutdown()
            thread.join()


def tell(
    run_step: RunStep, patch: pytest.MonkeyPatch, webhook: str, results: dict[str, str], tag: str = "v0.1.0"
) -> Outcome:
    """Tell what became of a run."""
    patch.setenv("NEEDS", json.dumps({job: {"result": result} for job, result in results.items()}))
    patch.setenv("RUN_URL", RUN)
    patch.setenv("WEBHOOK", webhook)
    return run_step(announce, tag)


@pytest.mark.requirement("B7")
@pytest.mark.parametrize(
    ("results", "reviews", "state"),
    [
        ({"verify-testpypi": "success"}, [], "waits for the review of PyPI's environment"),
        (COMPLETE, [], "is complete: publish its draft"),
        (STOPPED, [], "stopped at publish-pypi"),
        (STOPPED, [review("approved")], "stopped at publish-pypi"),
        (STOPPED, [review("rejected")], "was declined before publish-pypi"),
        (STOPPED, [review("rejected"), review("approved")], "stopped at publish-pypi"),
        (STOPPED, [review("rejected", "TestPyPI")], "stopped at publish-pypi"),
        (LATER, [review("rejected")], "stopped at verify-pypi"),
        (dict.fromkeys(STAGES, "cancelled"), [], "stopped at gate"),
    ],
)
def test_each_outcome_is_told_once(  # noqa: PLR0917  (fixtures)
    results: dict[str, str],
    reviews: list[dict[str, Any]],
    state: str,
    gh: Gh,
    run_step: RunStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gh.answers(**{REVIEWS: reviews})
    with chat() as (webhook, posted):
        done = tell(run_step, monkeypatch, webhook, results)
    assert (done.status, done.errors) == (0, "")
    text = f"demo-pkg v0.1.0 {state}: {RUN}"
    assert posted == [{"text": text, "package": "demo-pkg", "tag": "v0.1.0", "state": state, "run": RUN}]


@pytest.mark.requirement("B7")
@pytest.mark.parametrize(
    ("host", "payload"),
    [
        ("hooks.slack.com", {"text": "a &lt;!channel&gt; &amp; b"}),
        ("discord.com", {"content": "a <!channel> & b", "allowed_mentions": {"parse": []}}),
        ("chat.example.org", {"text": "a <!channel> & b", "tag": "v1"}),
    ],
)
def test_each_chat_gets_what_it_takes(host: str, payload: dict[str, Any]) -> None:
    assert announce.payload_for(host, "a <!channel> & b", {"tag": "v1"}) == payload


@pytest.mark.requirement("B7")
@pytest.mark.parametrize("host", ["x.webhook.office.com", "prod-1.westeurope.logic.azure.com"])
def test_teams_gets_a_card(host: str) -> None:
    (card,) = announce.payload_for(host, "a", {})["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["body"] == [{"type": "TextBlock", "text": "a", "wrap": True}]


@pytest.mark.requirement("B7", "X3")
def test_nothing_that_goes_wrong_fails_and_the_address_stays_secret(
    gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal, nobody at the address, no address, an address that is none, no answer of gh."""
    gh.fails("api repos/{owner}/{repo}/actions/runs/7/approvals", "HTTP 403")
    with chat(404) as (webhook, posted):
        done = tell(run_step, monkeypatch, webhook, STOPPED)
    assert len(posted) == 1
    assert "Nobody was told" in done.errors
    assert "status 404" in done.errors
    wrong = (webhook, "", f"no address {SECRET}", f"https://[{SECRET}", f"ftp://127.0.0.1/{SECRET}")
    for outcome in (done, *(tell(run_step, monkeypatch, address, STOPPED) for address in wrong)):
        assert outcome.status == 0
        assert SECRET not in outcome.errors + outcome.printed + outcome.summary


@pytest.mark.requirement("B7")
def test_a_missing_fact_about_the_run_is_named(run_step: RunStep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEEDS", "{")
    done = run_step(announce, "v0.1.0")
    assert done.status == 2
    assert "set NEEDS to the results of the jobs, and RUN_URL to the run's address" in done.errors


@pytest.mark.requirement("B7", "X4")
def test_a_tag_that_is_text_commands_nothing(
    gh: Gh, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh.answers(**{REVIEWS: []})
    with chat() as (webhook, posted):
        tell(run_step, monkeypatch, webhook, STOPPED, "v1\n<!channel> @everyone")
    assert posted[0]["tag"] == "v1??!channel???everyone"
