"""Release readiness: checks of a repository, what they find, and how to fix it."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from release_lib.step import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from copier_pypi_release.checks.context import Context

# What `adopt` would change about a check that fails.
RENDERS = "renders a release workflow that keeps the rule"
VERSION = "takes the version from the tag"
DISARMS = "takes the other uploads out"
SETUP = "brings the command `setup`, which does it"
NOTHING = "leaves to you"


class Result(enum.Enum):
    """The outcome of a check."""

    PASS = "pass"  # noqa: S105  (no password)
    FAIL = "fail"
    UNKNOWN = "unknown"


class CheckFailed(Exception):  # noqa: N818  (a verdict, not an error)
    """Something is not ready for a release.

    Args:
        found: What was found, one line each.
        fix: What fixes it; commands stand in backticks where there is more than the command.
        see: The page to read or to look at.
    """

    def __init__(self, *found: str, fix: str, see: str = "") -> None:
        super().__init__("; ".join(found))
        self.fix, self.see = fix, see


class CheckSkipped(Exception):  # noqa: N818  (a verdict, not an error)
    """The outcome is unknown.

    Args:
        reason: Why.
        see: The page that shows it to a person.
        cause: What many checks have in common that are skipped, in a sentence; they are shown together.
    """

    def __init__(self, reason: str, *, see: str = "", cause: str = "") -> None:
        super().__init__(reason)
        self.see, self.cause = see, cause


@dataclasses.dataclass(frozen=True)
class Check:
    """One question about a repository.

    Attributes:
        name: What programs call it.
        title: What people call it.
        why: What goes wrong otherwise.
        run: Answers it: what was found, when all is well.
        adopt: What `adopt` would change about a failure.
        adopted: Whether it is about files that this template renders.
    """

    name: str
    title: str
    why: str
    run: Callable[[Context], str]
    adopt: str = NOTHING
    adopted: bool = False


@dataclasses.dataclass(frozen=True)
class Finding:
    """The answer to a check; see there, and `CheckFailed` and `CheckSkipped`."""

    check: str
    title: str
    result: Result
    found: str
    fix: str = ""
    see: str = ""
    why: str = ""
    adopt: str = ""
    cause: str = ""


def require(errors: Iterable[str], *, fix: str, see: str = "") -> None:
    """Fail if there are errors.

    Raises:
        CheckFailed: There are.
    """
    found = list(dict.fromkeys(errors))
    if found:
        raise CheckFailed(*found, fix=fix, see=see)


def examine(context: Context, checks: Iterable[Check]) -> list[Finding]:
    """Run checks, in their order."""
    return [_examined(context, check) for check in checks]


def _examined(context: Context, check: Check) -> Finding:
    said = {"check": check.name, "title": check.title}
    try:
        if check.adopted and not context.settings:
            raise CheckSkipped(  # noqa: TRY301  (one form for whatever is unknown)
                "no release script of the template runs here",
                cause="Not checked, because only the files that `copier-pypi-release adopt` brings show it:",
            )
        return Finding(**said, result=Result.PASS, found=check.run(context))
    except CheckFailed as failed:
        adopt = "" if context.settings else check.adopt
        more = {"fix": failed.fix, "see": failed.see, "why": check.why, "adopt": adopt}
        return Finding(**said, result=Result.FAIL, found=str(failed), **more)
    except CheckSkipped as skipped:
        more = {"see": skipped.see, "cause": skipped.cause}
        return Finding(**said, result=Result.UNKNOWN, found=str(skipped), **more)
    except ReleaseError as error:  # of somebody who was asked: it says nothing about the repository
        more = {"fix": error.fix, "see": error.see}
        return Finding(**said, result=Result.UNKNOWN, found=error.problem, **more)
