"""Releases and their assets: drafts, publishing, immutability, uploads."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from . import rules
from .git import commit_time
from .rest import API, Answer, Call, choose, invalid, reply, route
from .store import ApiError, Document, Json, Store, now

if TYPE_CHECKING:
    from pathlib import Path

#: Where GitHub sends a download of an asset.
ASSET_HOST = "release-assets.githubusercontent.com"

#: Characters of the notes of a release, as the REST API takes them; more are refused.
LONGEST_BODY = 125_000

_FROZEN = "Cannot {} assets of an immutable release."


def asset_json(repo: Json, release: Json, asset: Json) -> Json:
    """Return an asset as the REST API shows it."""
    tag = "untagged-0" if release["draft"] else release["tag_name"]
    return {
        **asset,
        "url": f"{API}/repos/{repo['full_name']}/releases/assets/{asset['id']}",
        "node_id": f"RA_{asset['id']}",
        "browser_download_url": (
            f"https://github.com/{repo['full_name']}/releases/download/{tag}/{asset['name']}"
        ),
        "uploader": {"login": release["author"], "type": "User"},
    }


def release_json(repo: Json, release: Json) -> Json:
    """Return a release as the REST API shows it."""
    base = f"{API}/repos/{repo['full_name']}"
    page = f"https://github.com/{repo['full_name']}/releases/tag"
    tag = f"untagged-{release['id']}" if release["draft"] else release["tag_name"]
    hidden = {"make_latest", "author", "assets", "lag"}
    return {
        **{key: value for key, value in release.items() if key not in hidden},
        "node_id": f"RE_{release['id']}",
        "url": f"{base}/releases/{release['id']}",
        "html_url": f"{page}/{tag}",
        "assets_url": f"{base}/releases/{release['id']}/assets",
        "upload_url": (
            f"https://uploads.github.com/repos/{repo['full_name']}/releases/{release['id']}"
            "/assets{?name,label}"
        ),
        "tarball_url": None if release["draft"] else f"{base}/tarball/{tag}",
        "zipball_url": None if release["draft"] else f"{base}/zipball/{tag}",
        "author": {"login": release["author"], "type": "User"},
        "assets": [asset_json(repo, release, asset) for asset in release["assets"]],
    }


def latest(repo: Json) -> Json | None:
    """Return the "Latest" release: the last that was made so, which publishing does unless told not to.

    Where none was, or it is gone, it is the newest by creation date, then by version; a draft or a
    pre-release never is. Source: `make_latest` in the REST API's description.
    """
    candidates = [
        release for release in repo["releases"] if not release["draft"] and not release["prerelease"]
    ]
    for release in candidates:
        if release.get("id") and release["id"] == repo.get("latest_release"):
            return release  # type: ignore[no-any-return]
    chosen = [release for release in candidates if release["make_latest"] != "false"]

    def age(release: Json) -> tuple[str, list[int]]:
        return str(release.get("created_at", release["published_at"])), [
            int(part) for part in re.findall(r"\d+", release["tag_name"])
        ]

    return max(chosen, key=age, default=None)


def _decide_latest(repo: Json, release: Json, wish: str) -> None:
    """Do what `make_latest` says to a release that is published; a draft keeps no such wish."""
    release["make_latest"] = wish
    if wish == "true" and not release["prerelease"]:
        repo["latest_release"] = release["id"]
    elif repo.get("latest_release") == release["id"] or wish == "legacy":
        repo["latest_release"] = None


def asset_name(name: str) -> str:
    """Return the name that GitHub gives to an uploaded file: other characters become a dot."""
    return re.sub(r"[^A-Za-z0-9_+@.-]", ".", name)


def found_by_now(repo: Document, releases: list[Json]) -> list[Json]:
    """Return those that a look-up finds; a new one is not found by the first `release_lag` of them.

    GraphQL and lists lag by seconds on GitHub (cli/cli#6599); here they lag by look-ups, so that no
    test waits for a clock.
    """
    late = [release for release in releases if release.get("lag")]
    for release in late:
        release["lag"] -= 1
    if late:
        repo.save()
    return [release for release in releases if all(release is not other for other in late)]


def visible(call: Call) -> list[Json]:
    """Return the releases that the sender may see, newest first: drafts need push access."""
    drafts = call.can("contents", "write")
    found = [release for release in call.repo["releases"] if drafts or not release["draft"]]
    return sorted(found, key=lambda release: -release["id"])


def find(call: Call, release_id: int) -> Json:
    """Return a release by its id.

    Raises:
        ApiError: 404.
    """
    for release in visible(call):
        if release["id"] == release_id:
            return release
    raise ApiError(404, "Not Found")


def find_asset(call: Call, asset_id: int) -> tuple[Json, Json]:
    """Return a release and its asset of that id.

    Raises:
        ApiError: 404.
    """
    for release in visible(call):
        for asset in release["assets"]:
            if asset["id"] == asset_id:
                return release, asset
    raise ApiError(404, "Not Found")


def _check_body(body: str | None) -> None:
    """Refuse notes that are too long, in GitHub's words."""
    if len(body or "") > LONGEST_BODY:
        said = f"body is too long (maximum is {LONGEST_BODY} characters)"
        named = {"resource": "Release", "code": "custom", "field": "body", "message": said}
        raise ApiError(422, "Validation Failed", [named])


def _publish(call: Call, release: Json, wish: str = "true") -> None:
    """Turn a draft into a release: its tag has to exist from now on, and may freeze."""
    tag = release["tag_name"]
    if any(
        other["tag_name"] == tag and not other["draft"] and other is not release
        for other in call.repo["releases"]
    ):
        raise invalid("Release", "tag_name", "already_exists")
    if call.git.resolve(f"refs/tags/{tag}") is None:
        commit = call.git.resolve(release["target_commitish"])
        if commit is None:
            raise invalid("Release", "target_commitish")
        call.git.update_ref(f"refs/tags/{tag}", commit, call.actor, rules.ZERO)
    release["draft"] = False
    release["published_at"] = now()
    release["immutable"] = call.repo["immutable_releases"]
    _decide_latest(call.repo, release, wish)
    call.store.emit(
        call.repo,
        "release",
        {"action": "published", "release": release_json(call.repo, release)},
        call.actor,
    )


@route("GET", "/repos/<owner>/<name>/releases", permission="contents")
def list_releases(call: Call) -> Answer:
    """List releases."""
    return call.page(release_json(call.repo, release) for release in found_by_now(call.repo, visible(call)))


@route("GET", "/repos/<owner>/<name>/releases/latest", permission="contents")
def latest_release(call: Call) -> Answer:
    """Show the latest release."""
    release = latest(call.repo)
    if release is None:
        raise ApiError(404, "Not Found")
    return release_json(call.repo, release)


@route("GET", "/repos/<owner>/<name>/releases/tags/<path:tag>", permission="contents")
def release_by_tag(call: Call, tag: str) -> Answer:
    """Show the published release of a tag; a draft is not found this way."""
    for release in call.repo["releases"]:
        if release["tag_name"] == tag and not release["draft"]:
            return release_json(call.repo, release)
    raise ApiError(404, "Not Found")


@route("GET", "/repos/<owner>/<name>/releases/<int:number>", permission="contents")
def get_release(call: Call, number: int) -> Answer:
    """Show a release."""
    return release_json(call.repo, find(call, number))


@route("POST", "/repos/<owner>/<name>/releases", permission="contents")
def create_release(call: Call) -> Answer:
    """Make a release, published at once unless it is a draft."""
    body = call.body
    tag = body.get("tag_name")
    if not tag:
        raise invalid("Release", "tag_name", "missing_field")
    _check_body(body.get("body"))
    git = call.git
    target = body.get("target_commitish") or call.repo["default_branch"]
    commit = git.resolve(f"refs/tags/{tag}") or git.resolve(target)
    release: Json = {
        "id": call.store.new_id(),
        "tag_name": tag,
        "target_commitish": target,
        "name": body.get("name") or "",
        "body": body.get("body") or "",
        "draft": True,
        "prerelease": bool(body.get("prerelease")),
        "make_latest": "true",
        "lag": call.repo.get("release_lag", 0),
        "immutable": False,
        "created_at": commit_time(git, commit) if commit else now(),
        "published_at": None,
        "author": call.actor.login,
        "assets": [],
    }
    call.repo["releases"].append(release)
    try:
        if not body.get("draft"):
            _publish(call, release, str(body.get("make_latest", "true")))
    except ApiError:
        call.repo["releases"].remove(release)
        raise
    call.repo.save()
    return 201, release_json(call.repo, release)


@route("PATCH", "/repos/<owner>/<name>/releases/<int:number>", permission="contents")
def edit_release(call: Call, number: int) -> Answer:
    """Change a release; `draft: false` publishes it."""
    release = find(call, number)
    changes = choose(call.body, "tag_name", "target_commitish", "name", "body", "prerelease")
    _check_body(changes.get("body"))
    if release["immutable"] and changes.get("tag_name", release["tag_name"]) != release["tag_name"]:
        raise ApiError(422, "Cannot change the tag of an immutable release.")
    release.update({key: value for key, value in changes.items() if value is not None})
    if release["draft"] and call.body.get("draft") is False:
        _publish(call, release, str(call.body.get("make_latest", "true")))
    elif "make_latest" in call.body and not release["draft"]:
        _decide_latest(call.repo, release, str(call.body["make_latest"]))
    elif call.body.get("draft") is True and not release["draft"]:
        if release["immutable"]:
            raise ApiError(422, "Cannot turn an immutable release into a draft.")
        release |= {"draft": True, "published_at": None}
    call.repo.save()
    return release_json(call.repo, release)


@route("DELETE", "/repos/<owner>/<name>/releases/<int:number>", permission="contents")
def delete_release(call: Call, number: int) -> Answer:
    """Delete a release and its assets; the tag stays."""
    release = find(call, number)
    for asset in release["assets"]:
        asset_path(call.store, call.repo, asset).unlink(missing_ok=True)
    call.repo["releases"].remove(release)
    call.repo.save()
    return None


def asset_path(store: Store, repo: Document, asset: Json) -> Path:
    """Return the file that holds an asset's bytes."""
    return store.folder(repo) / "assets" / str(asset["id"])


@route("GET", "/repos/<owner>/<name>/releases/<int:number>/assets", permission="contents")
def list_assets(call: Call, number: int) -> Answer:
    """List the assets of a release."""
    release = find(call, number)
    return call.page(asset_json(call.repo, release, asset) for asset in release["assets"])


@route("POST", "/repos/<owner>/<name>/releases/<int:number>/assets", permission="contents")
def upload_asset(call: Call, number: int) -> Answer:
    """Store an asset; a name can be used once."""
    release = find(call, number)
    name = asset_name(call.request.args.get("name", ""))
    if release["immutable"]:
        raise ApiError(422, _FROZEN.format("upload"))
    if not name:
        raise invalid("ReleaseAsset", "name", "missing_field")
    if any(asset["name"] == name for asset in release["assets"]):
        raise invalid("ReleaseAsset", "name", "already_exists")
    data = call.request.get_data()
    asset: Json = {
        "id": call.store.new_id(),
        "name": name,
        "label": call.request.args.get("label", ""),
        "state": "uploaded",
        "content_type": call.request.headers.get("Content-Type", "application/octet-stream"),
        "size": len(data),
        "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "download_count": 0,
        "created_at": now(),
        "updated_at": now(),
    }
    path = asset_path(call.store, call.repo, asset)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    release["assets"].append(asset)
    call.repo.save()
    return 201, asset_json(call.repo, release, asset)


@route("GET", "/repos/<owner>/<name>/releases/assets/<int:number>", permission="contents")
def get_asset(call: Call, number: int) -> Answer:
    """Show an asset, or send the client to its bytes when it accepts them."""
    release, asset = find_asset(call, number)
    if "application/octet-stream" in call.request.headers.get("Accept", ""):
        path = asset_path(call.store, call.repo, asset)
        inside = path.relative_to(call.store.root)
        return redirect(f"https://{ASSET_HOST}/{inside}?name={asset['name']}", 302)
    return asset_json(call.repo, release, asset)


@route("PATCH", "/repos/<owner>/<name>/releases/assets/<int:number>", permission="contents")
def edit_asset(call: Call, number: int) -> Answer:
    """Rename or relabel an asset."""
    release, asset = find_asset(call, number)
    if release["immutable"]:
        raise ApiError(422, _FROZEN.format("edit"))
    asset.update(choose(call.body, "name", "label"))
    call.repo.save()
    return asset_json(call.repo, release, asset)


@route("DELETE", "/repos/<owner>/<name>/releases/assets/<int:number>", permission="contents")
def delete_asset(call: Call, number: int) -> Answer:
    """Delete an asset."""
    release, asset = find_asset(call, number)
    if release["immutable"]:
        raise ApiError(422, _FROZEN.format("delete"))
    asset_path(call.store, call.repo, asset).unlink(missing_ok=True)
    release["assets"].remove(asset)
    call.repo.save()
    return None


@route("GET", "/repos/<owner>/<name>/immutable-releases", level="admin")
def immutable(call: Call) -> Answer:
    """Say whether releases are frozen when they are published; 404 where they are not."""
    if not call.repo["immutable_releases"]:
        return Response(status=404)
    return {"enabled": True, "enforced_by_owner": False}


@route("PUT", "/repos/<owner>/<name>/immutable-releases", level="admin")
def enable_immutable(call: Call) -> Answer:
    """Freeze releases that are published from now on."""
    call.repo["immutable_releases"] = True
    call.repo.save()
    return None


@route("DELETE", "/repos/<owner>/<name>/immutable-releases", level="admin")
def disable_immutable(call: Call) -> Answer:
    """Do not freeze releases any more; those that are frozen stay so."""
    call.repo["immutable_releases"] = False
    call.repo.save()
    return None


@route("POST", "/repos/<owner>/<name>/releases/generate-notes", permission="contents")
def generate_notes(call: Call) -> Answer:
    """Return notes in GitHub's own form: a heading and the comparison link."""
    tag = call.body.get("tag_name", "")
    link = f"https://github.com/{call.repo['full_name']}/commits/{tag}"
    return reply(200, {"name": tag, "body": f"**Full Changelog**: {link}"})
