"""The check of what PyPI serves: that the release workflow made it; see `watching`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from copier_pypi_release.checks import Check, CheckSkipped, require

if TYPE_CHECKING:
    from copier_pypi_release.checks.context import Context


def as_released(context: Context) -> str:
    """Every file on PyPI was made by the release workflow, and every release was finished."""
    github, settings = context.github, context.settings
    if settings is None:
        raise CheckSkipped("no settings name the workflow that uploads")
    from copier_pypi_release import watching  # noqa: PLC0415  (its client is slow to load)

    alarms = watching.find_alarms(github, context.root, settings, dt.datetime.now(dt.UTC))
    new = watching.unseen(watching.subject_of(github), alarms)
    require(
        [alarm.text for alarm in new],
        fix=f"`{watching.COMMAND}` names them all; yank what is not yours",
        see=watching.EXPOSED,
    )
    return "all of the release workflow, or known"


CHECKS = (
    Check(
        "published-files",
        "Files on PyPI",
        "A stolen token uploads past every workflow, and nobody else looks.",
        as_released,
        adopted=True,
    ),
)
