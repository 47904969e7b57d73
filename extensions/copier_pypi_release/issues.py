"""Issues that this tool keeps on GitHub: found by title and author, opened, refreshed, closed.

A stranger's issue of the right title is left alone: its author could change the commands in it afterwards.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from copier_pypi_release.github import GitHub

BOT = "github-actions[bot]"  # who acts with the token of a workflow


@dataclasses.dataclass(frozen=True)
class Subject:
    """What an issue is about, of which one is open at most.

    Attributes:
        github: The repository.
        start: What its titles begin with.
        done: The text that it gets when it is closed here; one with another text was closed by a person.
    """

    github: GitHub
    start: str
    done: str

    def issues(self, state: str) -> list[dict[str, Any]]:
        """The issues about it in a state, by this tool."""
        authors = {BOT, self.github.login() or BOT}
        listed = [
            i for who in sorted(authors) for i in self.github.get_all("issues", state=state, creator=who)
        ]
        return [
            issue
            for issue in listed
            if issue["title"].startswith(self.start)
            if "pull_request" not in issue  # GitHub lists those too
        ]

    def closed(self) -> list[dict[str, Any]]:
        """The issues that somebody else closed, whoever it was."""
        return [issue for issue in self.issues("closed") if issue["body"] != self.done]

    def dismissed(self) -> list[dict[str, Any]]:
        """The issues that a person closed as not planned: no bot, and no commit that "closes" them."""
        planned = [issue for issue in self.closed() if issue.get("state_reason") == "not_planned"]
        # Who closed one is not in the list.
        found = [self.github.get(f"issues/{issue['number']}") or {} for issue in planned]
        return [issue for issue in found if (issue.get("closed_by") or {}).get("type") == "User"]

    def tell(self, title: str, body: str) -> None:
        """Open or refresh the issue, or close it where the title is empty.

        Raises:
            ReleaseError: GitHub refused.
        """
        ours = self.issues("open")
        for number, issue in enumerate(ours):
            if not title or number:
                change = {"state": "closed", "body": self.done}
                self.github.send("PATCH", f"issues/{issue['number']}", change)
            elif (issue["title"], issue["body"]) != (title, body):
                self.github.send("PATCH", f"issues/{issue['number']}", {"title": title, "body": body})
        if title and not ours:
            self.github.send("POST", "issues", {"title": title, "body": body})
