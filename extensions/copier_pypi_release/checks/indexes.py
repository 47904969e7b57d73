"""Checks that ask TestPyPI and PyPI: whose the name is, and who published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from copier_pypi_release.checks import NOTHING, Check, CheckFailed, CheckSkipped, require
from copier_pypi_release.console import counted
from copier_pypi_release.distributions_shown import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from release_lib.index import Index, Publisher

    from copier_pypi_release.checks.context import Context

TITLES = {"testpypi": "TestPyPI", "pypi": "PyPI"}


def index(key: str) -> Index:
    """An index; what its client needs is loaded when an index is asked."""
    from release_lib.index import INDEXES  # noqa: PLC0415

    return INDEXES[key]


def files(context: Context, key: str) -> list[Any] | None:
    """Every file of the project on an index, or None if the name is free.

    Raises:
        CheckSkipped: The name is unknown, or the index cannot be asked.
    """
    title = TITLES[key]
    if context.offline:
        raise _silent(f"{title} was not asked (--offline)")
    if not context.distribution:
        raise _silent(f"{title} was not asked, because no file names the package")
    if key not in context.asked:
        context.asked[key] = _ask(context, key)
    found = context.asked[key]
    if isinstance(found, CheckSkipped):
        raise found
    return found  # type: ignore[no-any-return]


def _silent(reason: str) -> CheckSkipped:
    return CheckSkipped(reason, cause=f"{reason}. Not checked:")


def _ask(context: Context, key: str) -> list[Any] | CheckSkipped | None:
    import requests  # noqa: PLC0415  (see `index`)
    from release_lib.index import page_of  # noqa: PLC0415

    try:
        page = page_of(index(key), context.distribution)
    except requests.ConnectionError:
        return _silent(f"{TITLES[key]} could not be reached")
    except (requests.RequestException, ValueError) as error:
        return _silent(f"{TITLES[key]} does not answer as an index does ({type(error).__name__})")
    return page.packages if page else None


def newest_publisher(context: Context, key: str) -> Publisher | None:
    """The trusted publisher of the newest file that has an attestation (PEP 740), or None.

    Raises:
        CheckSkipped: The index cannot be asked.
    """
    attested = [p for p in files(context, key) or [] if p.provenance_url and p.upload_time]
    if not attested:
        return None
    import requests  # noqa: PLC0415  (see `index`)
    from release_lib.index import publishers_of  # noqa: PLC0415

    try:
        found = publishers_of(max(attested, key=lambda p: p.upload_time))
    except (requests.RequestException, ValueError) as error:
        raise CheckSkipped(
            f"{TITLES[key]} does not show who published", see=project_page(context, key)
        ) from error
    return found[0] if found else None


def unattested(context: Context, key: str) -> list[str]:
    """Files without an attestation that came after one with an attestation, newest first.

    Raises:
        CheckSkipped: The index cannot be asked.
    """
    dated = [p for p in files(context, key) or [] if p.upload_time]
    began = min((p.upload_time for p in dated if p.provenance_url), default=None)
    if began is None:
        return []
    late = [p for p in dated if p.upload_time > began and not p.provenance_url]
    return [p.filename for p in sorted(late, key=lambda p: p.upload_time, reverse=True)]


def project_page(context: Context, key: str) -> str:
    """Address of the project on an index, for people."""
    site = index(key).simple.removesuffix("/simple/")
    return f"{site}/project/{canonicalize_name(context.distribution)}/"


def publishing_page(context: Context, key: str) -> str:
    """Address of the project's publishers on an index, for its owners."""
    site = index(key).simple.removesuffix("/simple/")
    return f"{site}/manage/project/{canonicalize_name(context.distribution)}/settings/publishing/"


def publisher_on(key: str) -> Callable[[Context], str]:
    """The newest file on an index was published with the values that the workflow has."""

    def check(context: Context) -> str:
        jobs = [job for job in context.publishing_jobs if job.index == key]
        if not jobs:
            raise CheckSkipped(f"no workflow here uploads to {TITLES[key]}")
        found = newest_publisher(context, key)
        if found is None:
            what = (
                "nothing is published yet" if files(context, key) is None else "no file says who uploaded it"
            )
            raise CheckSkipped(
                f"{what}, so compare the index's form by hand", see=publishing_page(context, key)
            )
        expected = {
            "repository": context.repository,
            "workflow": jobs[0].file,
            "environment": jobs[0].environment,
        }
        wrong = []
        for name, value in expected.items():
            had = str(getattr(found, name))
            same = had == value if name == "workflow" else had.casefold() == value.casefold()
            if value and not same:
                wrong.append(f"published with {name} {had or '(none)'}; {jobs[0].job} has {value}")
        require(
            wrong,
            fix="compare the publisher's form with the workflow, and change the one that is wrong",
            see=publishing_page(context, key),
        )
        return "as the newest file was published"

    return check


def name_on(key: str) -> Callable[[Context], str]:
    """The project's name is free on an index, or is this project's."""

    def check(context: Context) -> str:
        found = files(context, key)
        if found is None:
            return "free; a publisher that is registered does not reserve it"
        publisher = newest_publisher(context, key)
        if publisher is None:
            raise CheckSkipped(
                "taken, by files without attestations: if it is not yours, uploads will be refused",
                see=".github/release/RECOVERY.md, 'A name of somebody else'",
            )
        owner = publisher.repository
        if owner.casefold() != context.repository.casefold():
            fix = (
                "`uvx copier update --defaults --data project_name=NAME`, with a name that is free: "
                ".github/release/RECOVERY.md, 'A name of somebody else'"
                if context.settings
                else ("choose another name, or publish from that repository")
            )
            raise CheckFailed(f"taken by {owner}", fix=fix, see=project_page(context, key))
        return f"{counted(len(found), 'file')}, from {context.repository}"

    return check


def attested_on(key: str) -> Callable[[Context], str]:
    """No file came to an index past the workflow, since the workflow attests what it uploads."""

    def check(context: Context) -> str:
        if not any(job.index == key for job in context.publishing_jobs):
            raise CheckSkipped(f"no workflow here uploads to {TITLES[key]}")
        if context.settings and key in context.settings.without_attestations:
            return "not asked for: without-attestations in settings.toml"
        late = unattested(context, key)
        if late and key == "pypi":
            from copier_pypi_release.watching import read_known  # noqa: PLC0415  (see `index`)

            late = [name for name in late if name not in read_known(context.root)]
        have = "has" if len(late) == 1 else "have"
        require(
            [f"{shortened(late)} {have} no attestation, and older files have one"] if late else [],
            fix="find out who uploaded it (Security history on the index); if it was nobody of yours, yank "
            "it and revoke every token",
            see=".github/release/RECOVERY.md, 'A file that this workflow did not upload'"
            if context.settings
            else project_page(context, key),
        )
        return "every file since the first attested one, or known"

    return check


CHECKS = (
    *(
        Check(
            f"publisher-{key}",
            f"Publisher on {title}",
            "The index compares four values, and refuses the upload if one differs.",
            publisher_on(key),
            NOTHING,
        )
        for key, title in TITLES.items()
    ),
    *(
        Check(
            f"name-{key}",
            f"Name on {title}",
            "A name belongs to whoever uploads first.",
            name_on(key),
            NOTHING,
        )
        for key, title in TITLES.items()
    ),
    *(
        Check(
            f"attested-{key}",
            f"Attestations on {title}",
            "A file that no workflow made was uploaded with a token, as in the attacks of 2026.",
            attested_on(key),
            NOTHING,
        )
        for key, title in TITLES.items()
    ),
)
