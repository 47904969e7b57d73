"""Fixtures of the adoption tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adopt.fixtures import PACKAGES

if TYPE_CHECKING:
    from adopt.adoption import Adoption, Adoptions


@pytest.fixture(params=list(PACKAGES), scope="session")
def adoption(request: pytest.FixtureRequest, adoptions: Adoptions) -> Adoption:
    """Each adopted package in turn; not to be changed."""
    return adoptions[request.param]


@pytest.fixture
def target(adoptions: Adoptions) -> Adoption:
    """The adopted target; not to be changed."""
    return adoptions["target"]
