"""Fixtures of the adoption tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rendering import commit_all, copy_template

from adopt.adoption import Adoption, Adoptions
from adopt.fixtures import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def template_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a git repository of its own, with a version."""
    repository = copy_template(tmp_path_factory.mktemp("template-repository") / "template")
    commit_all(repository, tag="v1.0.0")
    return repository


@pytest.fixture(scope="session")
def adoptions(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, template_repository: Path
) -> Iterator[Adoptions]:
    """The adopted packages; those that this run needs are begun at once."""
    made = Adoptions(tmp_path_factory.mktemp("adopted"), template_repository)
    for item in request.session.items:
        callspec = getattr(item, "callspec", None)
        if callspec and callspec.params.get("adoption") in PACKAGES:
            made.announce(callspec.params["adoption"])
    yield made
    made.pool.shutdown(cancel_futures=True)


@pytest.fixture(params=list(PACKAGES), scope="session")
def adoption(request: pytest.FixtureRequest, adoptions: Adoptions) -> Adoption:
    """Each adopted package in turn; not to be changed."""
    return adoptions[request.param]


@pytest.fixture
def target(adoptions: Adoptions) -> Adoption:
    """The adopted target; not to be changed."""
    return adoptions["target"]
