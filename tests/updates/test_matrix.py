"""Every state of a package meets every kind of change of the template, through Copier's own update."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from updates.changes import CHANGES, HANDED_OVER
from updates.conftest import LivedIn
from updates.laboratory import GIVEN, Laboratory, conflicts, expected, files
from updates.users import USERS, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# All changes at once meet every state; each change alone meets the states that take most of it.
CELLS = [(user, "everything") for user in USERS]
CELLS += [(user, change) for user in WHOLE for change in CHANGES if change != "everything"]


@pytest.mark.requirement("B3", "B5", "P9.2", "X9")
@pytest.mark.parametrize(("user", "change"), CELLS)
def test_an_update(
    laboratory: Laboratory,
    lived_in: Callable[[str], LivedIn],
    package_of: Callable[[str], Path],
    tmp_path: Path,
    user: str,
    change: str,
) -> None:
    """No conflict, no lost edit, nothing brought back, and all that the template changed is there."""
    before, package, version = lived_in(user), package_of(user), laboratory.tags[change]
    laboratory.update(package, version)
    assert conflicts(package) == []
    fresh = laboratory.fresh(version, before.answers)
    given = GIVEN | ({HANDED_OVER} if change in {"file_handed_over", "everything"} else set())
    wanted = expected(before.files, before.base, fresh, given, tmp_path)
    assert files(package) == wanted
