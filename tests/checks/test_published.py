"""The check of what PyPI serves: it fails with what the watch finds; offline it is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from copier_pypi_release import watching
from copier_pypi_release.checks import Result
from copier_pypi_release.watching import Alarm

from checks.readiness import results

if TYPE_CHECKING:
    from commands.local_github import Bench


@pytest.mark.requirement("X14")
def test_what_the_watch_finds_fails_until_a_person_has_seen_it(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm = Alarm("`demo-pkg` 9.9.9 is yanked on PyPI")
    monkeypatch.setattr(watching, "find_alarms", lambda *_: [alarm])
    found = results(desk)["published-files"]
    assert (found.result, found.found) == (Result.FAIL, alarm.text)
    assert watching.COMMAND in found.fix
    desk.github.client.send(
        "POST", "issues", {"title": f"{watching.TITLE}1 finding", "body": f"- {alarm.text}"}
    )
    (issue,) = desk.github.repo["issues"]
    closed = {"state": "closed", "state_reason": "not_planned"}
    desk.github.client.send("PATCH", f"issues/{issue['number']}", closed)
    assert results(desk)["published-files"].result is Result.PASS


@pytest.mark.requirement("X14")
def test_offline_it_is_unknown(desk: Bench) -> None:
    assert results(desk, offline=True)["published-files"].result is Result.UNKNOWN
