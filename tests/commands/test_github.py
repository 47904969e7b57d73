"""The client for GitHub keeps GitHub's own words, whatever form they have."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests
from copier_pypi_release import github
from copier_pypi_release.github import GitHub, GitHubError
from release_lib.step import ReleaseError

if TYPE_CHECKING:
    from pathlib import Path

    from commands.local_github import Bench


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"message": "Validation Failed"}, "Validation Failed"),
        ({"message": "Not now", "errors": "Too many reviewers"}, "Not now; Too many reviewers"),
        ({"message": "No", "errors": ["a", {"message": "b"}]}, "No; a; b"),
        ({"message": "No", "errors": [{"code": "invalid"}]}, 'No; {"code": "invalid"}'),
        ({"message": "No", "errors": None}, "No"),
        ({"errors": "Only this"}, "Only this"),
        ({}, "no reason given"),
        (["odd"], "no reason given"),
    ],
)
def test_a_refusal_keeps_the_words_and_the_status(desk: Bench, answer: Any, words: str) -> None:  # noqa: ANN401
    desk.github.answers("PUT", "/environments/pypi$", answer, 422)
    with pytest.raises(GitHubError) as error:
        desk.github.client.send("PUT", "environments/pypi")
    assert error.value.status == 422
    assert error.value.message == words
    assert error.value.problem == f"GitHub refuses to change environments/pypi (422): {words}"


def test_an_answer_that_is_not_json_is_named_by_its_status(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = requests.Response()
    answer.status_code, answer.reason, answer._content = 422, "Odd", b"<html>"  # noqa: SLF001
    monkeypatch.setattr(requests.Session, "request", lambda *_, **__: answer)
    with pytest.raises(GitHubError, match=r"\(422\): Odd$"):
        desk.github.client.send("PUT", "environments/pypi")


def test_a_page_that_is_short_ends_no_list_and_a_full_one_begins_none(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub leaves out of a page what a login does not see; whether one follows is in a header alone."""
    asked = []

    def answer(
        _: object, __: str, address: str, *, params: dict[str, int], **___: object
    ) -> requests.Response:
        number = params["page"]
        asked.append(number)
        made = requests.Response()
        made.status_code = 200
        made._content = json.dumps([number] * (7, 0, 100)[number - 1]).encode()  # noqa: SLF001
        if number < 3:
            made.headers["Link"] = f'<{address}?page={number + 1}>; rel="next", <{address}>; rel="first"'
        return made

    monkeypatch.setattr(requests.Session, "request", answer)
    assert desk.github.client.get_all("tags") == [1] * 7 + [3] * 100
    assert asked == [1, 2, 3]


@pytest.mark.parametrize(("status", "login"), [(403, True), (404, True), (409, False), (422, False)])
def test_a_login_is_proposed_where_a_right_is_missing_only(desk: Bench, status: int, login: bool) -> None:
    desk.github.answers("PUT", "/environments/pypi$", {"message": "No"}, status)
    with pytest.raises(GitHubError) as error:
        desk.github.client.send("PUT", "environments/pypi")
    assert ("gh auth login" in error.value.fix) is login


def test_a_token_of_a_workflow_has_no_login(desk: Bench) -> None:
    desk.github.answers("GET", "^/user$", {"message": "Resource not accessible by integration"}, 403)
    assert desk.github.client.login() == ""


def test_a_list_that_is_switched_off_is_not_an_empty_list(desk: Bench) -> None:
    desk.github.answers("GET", "/issues$", {"message": "Issues are disabled"}, 410)
    with pytest.raises(GitHubError, match="Issues are disabled"):
        desk.github.client.get_all("issues")


def test_something_missing_is_none(desk: Bench) -> None:
    assert desk.github.client.get("environments/nothing") is None
    assert desk.github.client.get_all("environments/nothing/deployment-branch-policies") == []


@pytest.mark.requirement("X3")
def test_a_refusal_does_not_show_the_token(desk: Bench) -> None:
    token = "ghp_" + "x" * 36
    desk.github.answers("GET", "/rulesets$", {"message": "Bad"}, 403)
    with pytest.raises(GitHubError) as error:
        GitHub("demo-pkg/demo-pkg", token).get("rulesets")
    assert token not in json.dumps(error.value.lines)


@pytest.mark.requirement("X3")
def test_a_netrc_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password of-something-else\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    sent: list[requests.PreparedRequest] = []
    answer = requests.Response()
    answer.status_code, answer._content = 200, b"{}"  # noqa: SLF001

    def send(_: requests.Session, request: requests.PreparedRequest, **__: Any) -> requests.Response:  # noqa: ANN401
        sent.append(request)
        return answer

    monkeypatch.setattr(requests.Session, "send", send)
    GitHub("demo-pkg/demo-pkg", "ghp_token").get("rulesets")
    assert [request.headers["Authorization"] for request in sent] == ["Bearer ghp_token"]


@pytest.mark.parametrize("body", [b"<html>Log in to this network</html>", b"", b'{"cut', b"\xff\xfe"])
def test_an_answer_that_is_no_json_is_named(
    desk: Bench, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    answer = requests.Response()
    answer.status_code, answer._content = 200, body  # noqa: SLF001
    monkeypatch.setattr(requests.Session, "request", lambda *_, **__: answer)
    with pytest.raises(ReleaseError, match="GitHub's answer to rulesets is not JSON"):
        desk.github.client.get("rulesets")


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_rate_limit_says_until_when(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """GitHub names the pause, and the reset of the other limit, which says nothing about this one."""
    answer = requests.Response()
    answer.status_code = status
    answer.headers.update({"Retry-After": "3600", "X-RateLimit-Reset": "1", "X-RateLimit-Remaining": "4000"})
    answer._content = b'{"message": "You have exceeded a secondary rate limit"}'  # noqa: SLF001
    monkeypatch.setattr(requests.Session, "request", lambda *_, **__: answer)
    monkeypatch.setattr(github, "time", SimpleNamespace(time=lambda: 1_800_000_000.0, monotonic=lambda: 0.0))
    with pytest.raises(ReleaseError, match="used up until 2027-01-15 09:00 UTC"):
        GitHub("demo-pkg/demo-pkg", "ghp_token").get("rulesets")
