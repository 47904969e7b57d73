"""The part of GitHub's GraphQL API that the `gh` commands of a release really use.

`graphql-core` parses, checks and executes queries against the schema below, so a field that is
not emulated is a clear error and never a wrong answer. Introspection, by which `gh` finds out what
the host can do, comes with it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import graphql

from .git import GitRepo
from .issues import add_comment, change_issue, find_issue, new_issue, set_labels
from .releases import found_by_now, latest, release_json
from .repository import user_json
from .rest import Answer, Call, Route, reply, route
from .store import ApiError, Document, Json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Fields of issues and pull requests. `gh` asks for both at once, so they are the same here; for
#: the same reason there is one enum for the states of both.
_ISSUE = """
      id: ID! databaseId: Int number: Int! title: String! body: String!
      url: URI! state: State! stateReason(enableDuplicate: Boolean): IssueStateReason
      author: Actor createdAt: DateTime! updatedAt: DateTime! closedAt: DateTime closed: Boolean!
      isPinned: Boolean locked: Boolean! repository: Repository!
      labels(first: Int, after: String): LabelConnection
      assignees(first: Int, after: String): UserConnection!
      assignedActors(first: Int, after: String): UserConnection!
      milestone: Milestone reactionGroups: [ReactionGroup!] issueType: IssueType
      comments(first: Int, last: Int, after: String): CommentConnection!
      projectCards(first: Int, after: String): ProjectCardConnection!
      projectItems(first: Int, after: String): ProjectItemConnection!
      closedByPullRequestsReferences(first: Int, after: String): PullRequestConnection
      parent: Issue
      subIssues(first: Int, after: String): IssueConnection subIssuesSummary: IssuesSummary
      blockedBy(first: Int, after: String): IssueConnection
      blocking(first: Int, after: String): IssueConnection"""

_TEXT = """
    scalar DateTime
    scalar URI
    interface Node { id: ID! }
    interface Actor { login: String! }
    enum IssueState { OPEN CLOSED }
    enum IssueClosedStateReason { COMPLETED NOT_PLANNED DUPLICATE }
    enum IssueStateReason { COMPLETED NOT_PLANNED REOPENED DUPLICATE }
    enum RepositoryPermission { ADMIN MAINTAIN WRITE TRIAGE SEE }
    enum RepositoryVisibility { PRIVATE PUBLIC INTERNAL }
    enum ReleaseOrderField { CREATED_AT NAME }
    enum IssueOrderField { CREATED_AT UPDATED_AT COMMENTS }
    enum OrderDirection { ASC DESC }
    enum SearchType { ISSUE ISSUE_ADVANCED REPOSITORY USER DISCUSSION }
    enum RuleEnforcement { DISABLED ACTIVE EVALUATE }
    enum RepositoryRulesetTarget { BRANCH TAG PUSH }
    enum State { OPEN CLOSED MERGED }
    enum PullRequestState { OPEN CLOSED MERGED }
    enum LabelOrderField { NAME CREATED_AT }
    input LabelOrder { field: LabelOrderField!, direction: OrderDirection! }
    input ReleaseOrder { field: ReleaseOrderField!, direction: OrderDirection! }
    input IssueOrder { field: IssueOrderField!, direction: OrderDirection! }
    input IssueFilters { assignee: String createdBy: String labels: [String!] mentioned: String
      states: [IssueState!] milestone: String milestoneNumber: String since: DateTime
      viewerSubscribed: Boolean }
    type PageInfo { hasNextPage: Boolean! endCursor: String }
    type User implements Node & Actor { id: ID! login: String! name: String databaseId: Int }
    type Bot implements Node & Actor { id: ID! login: String! databaseId: Int }
    type Owner { id: ID! login: String! }
    type Ref { id: ID! name: String! prefix: String! target: GitObject }
    type GitObject { oid: String! }
    type Label { id: ID! name: String! color: String! description: String }
    type LabelConnection { nodes: [Label] totalCount: Int! pageInfo: PageInfo! }
    type UserConnection { nodes: [User] totalCount: Int! pageInfo: PageInfo! }
    type Milestone { number: Int! title: String! description: String dueOn: DateTime id: ID! }
    type MilestoneConnection { nodes: [Milestone] pageInfo: PageInfo! }
    type ReactionGroup { content: String! users: Count! }
    type Count { totalCount: Int! }
    type Maintainer { name: String! }
    type ProjectColumn { name: String! }
    type ProjectCard { project: Maintainer! column: ProjectColumn }
    type ProjectCardConnection { nodes: [ProjectCard] totalCount: Int! }
    type ProjectV2 { id: ID! title: String! }
    type ProjectV2ItemFieldSingleSelectValue { optionId: String name: String }
    union ProjectV2ItemFieldValue = ProjectV2ItemFieldSingleSelectValue
    type ProjectItem { id: ID! project: ProjectV2!
      fieldValueByName(name: String!): ProjectV2ItemFieldValue }
    type ProjectItemConnection { nodes: [ProjectItem] totalCount: Int! pageInfo: PageInfo! }
    type Comment implements Node { id: ID! author: Actor authorAssociation: String! body: String!
      createdAt: DateTime! includesCreatedEdit: Boolean! isMinimized: Boolean!
      minimizedReason: String reactionGroups: [ReactionGroup!] url: URI! viewerDidAuthor: Boolean! }
    type CommentConnection { nodes: [Comment] totalCount: Int! pageInfo: PageInfo! }
    type IssueType { id: ID! name: String! description: String color: String }
    type IssueConnection { nodes: [Issue] totalCount: Int! pageInfo: PageInfo! }
    type PullRequestConnection { nodes: [PullRequest] totalCount: Int! pageInfo: PageInfo! }
    union IssueOrPullRequest = Issue | PullRequest
    union SearchResultItem = Issue | PullRequest
    type Issue implements Node { %(issue)s }
    type PullRequest implements Node { %(issue)s
      headRefName: String! baseRefName: String! isCrossRepository: Boolean! isDraft: Boolean!
      headRepositoryOwner: Owner }
    type IssuesSummary { total: Int! completed: Int! percentCompleted: Int! }
    type ReleaseAsset { name: String! }
    type Release { id: ID! databaseId: Int name: String tagName: String! isDraft: Boolean!
      isLatest: Boolean! isPrerelease: Boolean! isImmutable: Boolean! immutable: Boolean!
      createdAt: DateTime! publishedAt: DateTime url: URI! description: String }
    type ReleaseConnection { nodes: [Release] totalCount: Int! pageInfo: PageInfo! }
    type RuleConnection { totalCount: Int! }
    type RepositoryRuleset { id: ID! databaseId: Int name: String! target: RepositoryRulesetTarget
      enforcement: RuleEnforcement! source: RuleSource! rules(first: Int): RuleConnection }
    union RuleSource = Repository | Organization
    type Organization { id: ID! login: String! }
    type RulesetConnection { nodes: [RepositoryRuleset] totalCount: Int! pageInfo: PageInfo! }
    type IssueTemplate { name: String! body: String title: String about: String }
    type PullRequestTemplate { filename: String body: String }
    type License { key: String! name: String! nickname: String }
    type Language { name: String! }
    type Repository implements Node { id: ID! databaseId: Int name: String! nameWithOwner: String!
      owner: Owner! url: URI! sshUrl: String! description: String homepageUrl: URI
      isPrivate: Boolean! isFork: Boolean! isArchived: Boolean! isEmpty: Boolean!
      isTemplate: Boolean! isInOrganization: Boolean! visibility: RepositoryVisibility!
      hasIssuesEnabled: Boolean! hasWikiEnabled: Boolean! hasProjectsEnabled: Boolean!
      hasDiscussionsEnabled: Boolean! viewerPermission: RepositoryPermission
      viewerCanAdminister: Boolean! viewerDefaultCommitEmail: String
      defaultBranchRef: Ref parent: Repository templateRepository: Repository
      createdAt: DateTime! updatedAt: DateTime! pushedAt: DateTime stargazerCount: Int!
      forkCount: Int! diskUsage: Int licenseInfo: License primaryLanguage: Language
      mergeCommitAllowed: Boolean! rebaseMergeAllowed: Boolean! squashMergeAllowed: Boolean!
      deleteBranchOnMerge: Boolean! isBlankIssuesEnabled: Boolean! isSecurityPolicyEnabled: Boolean
      ref(qualifiedName: String!): Ref
      release(tagName: String!): Release latestRelease: Release
      releases(first: Int, after: String, orderBy: ReleaseOrder): ReleaseConnection!
      issue(number: Int!): Issue issueOrPullRequest(number: Int!): IssueOrPullRequest
      issues(first: Int, after: String, states: [IssueState!], labels: [String!],
        orderBy: IssueOrder, filterBy: IssueFilters): IssueConnection!
      pullRequests(first: Int, after: String, states: [PullRequestState!], headRefName: String,
        baseRefName: String, orderBy: IssueOrder): PullRequestConnection!
      labels(first: Int, after: String, orderBy: LabelOrder, query: String): LabelConnection
      milestones(first: Int, after: String, states: [IssueState!]): MilestoneConnection
      assignableUsers(first: Int, after: String): UserConnection!
      suggestedActors(first: Int, after: String, query: String, capabilities: [String!]): UserConnection!
      rulesets(first: Int, after: String, includeParents: Boolean): RulesetConnection
      issueTemplates: [IssueTemplate!] pullRequestTemplates: [PullRequestTemplate!] }
    type SearchResultItemConnection { nodes: [SearchResultItem] issueCount: Int! pageInfo: PageInfo! }
    type Query { viewer: User! node(id: ID!): Node
      repository(owner: String!, name: String!, followRenames: Boolean): Repository
      organization(login: String!): Organization user(login: String!): User
      repositoryOwner(login: String!): Owner
      search(query: String!, type: SearchType!, first: Int, last: Int,
        after: String): SearchResultItemConnection! }
    input CreateIssueInput { repositoryId: ID! title: String! body: String assigneeIds: [ID!]
      labelIds: [ID!] milestoneId: ID projectIds: [ID!] issueTemplate: String issueTypeId: ID
      parentIssueId: ID clientMutationId: String }
    input UpdateIssueInput { id: ID! title: String body: String assigneeIds: [ID!]
      labelIds: [ID!] milestoneId: ID state: IssueState projectIds: [ID!] issueTypeId: ID
      clientMutationId: String }
    input CloseIssueInput { issueId: ID! stateReason: IssueClosedStateReason duplicateIssueId: ID
      clientMutationId: String }
    input ReopenIssueInput { issueId: ID! clientMutationId: String }
    input AddCommentInput { subjectId: ID! body: String! clientMutationId: String }
    input LabelableInput { labelableId: ID! labelIds: [ID!]! clientMutationId: String }
    input AddLabelsToLabelableInput { labelableId: ID! labelIds: [ID!]! clientMutationId: String }
    input RemoveLabelsFromLabelableInput { labelableId: ID! labelIds: [ID!]!
      clientMutationId: String }
    input ReplaceActorsForAssignableInput { assignableId: ID! actorIds: [ID!] actorLogins: [String!]
      clientMutationId: String }
    input DeleteIssueInput { issueId: ID! clientMutationId: String }
    type IssuePayload { issue: Issue clientMutationId: String }
    type CommentEdge { node: Comment }
    type CommentPayload { commentEdge: CommentEdge clientMutationId: String }
    type DeleteIssuePayload { repository: Repository clientMutationId: String }
    type LabelPayload { clientMutationId: String }
    type Mutation { createIssue(input: CreateIssueInput!): IssuePayload
      updateIssue(input: UpdateIssueInput!): IssuePayload
      closeIssue(input: CloseIssueInput!): IssuePayload
      reopenIssue(input: ReopenIssueInput!): IssuePayload
      deleteIssue(input: DeleteIssueInput!): DeleteIssuePayload
      replaceActorsForAssignable(input: ReplaceActorsForAssignableInput!): LabelPayload
      addComment(input: AddCommentInput!): CommentPayload
      addLabelsToLabelable(input: AddLabelsToLabelableInput!): LabelPayload
      removeLabelsFromLabelable(input: RemoveLabelsFromLabelableInput!): LabelPayload }
    """

SCHEMA = graphql.build_schema(_TEXT.replace("%(issue)s", _ISSUE))


_ISSUES_ONLY = {"type:issue", "is:issue"}


def connection(items: Iterable[Any], **args: Any) -> Json:  # noqa: ANN401 - as the query has them
    """Return a page of a list in GraphQL's form; the cursor is the index of the last entry.

    Args:
        items: the whole list.
        args: `first`, `last` and `after`, as the query gave them.
    """
    everything = list(items)
    start = int(args.get("after") or 0)
    size = args.get("first") or len(everything)
    part = everything[start : start + size]
    if args.get("last"):
        part = everything[-args["last"] :]
    end = start + len(part)
    page = {"hasNextPage": end < len(everything), "endCursor": str(end)}
    count = len(everything)
    return {"nodes": part, "totalCount": count, "issueCount": count, "pageInfo": page}


def _list(items: Iterable[Any]) -> Callable[..., Json]:
    """Return a resolver for a connection field."""
    everything = list(items)
    return lambda _info, **args: connection(everything, **args)


def qualifiers(query: str) -> dict[str, list[str]]:
    """Return the parts of a search by their qualifier; plain words stand under "".

    Raises:
        graphql.GraphQLError: for a qualifier that is not emulated.
    """
    found: dict[str, list[str]] = {}
    for key, quoted, bare in re.findall(r'(?:(-?\w+):)?(?:"([^"]*)"|(\S+))', query):
        value = quoted or bare
        if value in {"(", ")", "AND"} or key == "sort" or f"{key}:{value}" in _ISSUES_ONLY:
            continue
        name = "state" if key == "is" else key
        if name not in {"", "repo", "state", "author", "label", "in"}:
            message = f"The emulator does not know the search qualifier {key}:{value}."
            raise graphql.GraphQLError(message)
        found.setdefault(name, []).append(value)
    return found


class View:
    """Objects of the schema as one sender sees them.

    Args:
        call: the request.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.store = call.store

    def enter(self, full_name: str, permission: str, level: str, role: str = "") -> Document:
        """Return a repository, checking rights as the REST API does.

        Raises:
            ApiError: when the sender lacks them.
        """
        self.call.enter(full_name, Route("POST", "", lambda: None, permission, level, role or level))
        return self.call.repo

    def actor(self, login: str) -> Json:
        """Return a user or bot."""
        found = user_json(self.store, login)
        kind = "Bot" if found["type"] == "Bot" else "User"
        name = login.removesuffix("[bot]")
        return {"__typename": kind, "id": found["node_id"], "login": name, "databaseId": found["id"]}

    def label(self, label: Json) -> Json:
        """Return a label."""
        return {**label, "id": f"LA_{label['id']}"}

    def comment(self, repo: Json, issue: Json, comment: Json) -> Json:
        """Return a comment."""
        page = f"https://github.com/{repo['full_name']}/issues/{issue['number']}"
        return {
            "id": f"IC_{comment['id']}",
            "author": self.actor(comment["author"]),
            "authorAssociation": "OWNER" if comment["author"] == repo["owner"] else "NONE",
            "body": comment["body"],
            "createdAt": comment["created_at"],
            "includesCreatedEdit": False,
            "isMinimized": False,
            "reactionGroups": [],
            "url": f"{page}#issuecomment-{comment['id']}",
            "viewerDidAuthor": comment["author"] == self.call.actor.login,
        }

    def issue(self, repo: Document, issue: Json) -> Json:
        """Return an issue."""
        labels = [label for label in repo["labels"] if label["name"] in issue["labels"]]
        people = [self.actor(login) for login in issue["assignees"]]
        reason = issue["state_reason"]
        return {
            "__typename": "Issue",
            "id": f"I_{issue['id']}",
            "databaseId": issue["id"],
            "number": issue["number"],
            "title": issue["title"],
            "body": issue["body"],
            "url": f"https://github.com/{repo['full_name']}/issues/{issue['number']}",
            "state": issue["state"].upper(),
            "stateReason": reason.upper() if reason else None,
            "closed": issue["state"] == "closed",
            "author": self.actor(issue["author"]),
            "createdAt": issue["created_at"],
            "updatedAt": issue["updated_at"],
            "closedAt": issue["closed_at"],
            "isPinned": False,
            "locked": False,
            "repository": lambda _info: self.repository(repo),
            "labels": _list(self.label(label) for label in labels),
            "assignees": _list(people),
            "assignedActors": _list(people),
            "reactionGroups": [],
            "comments": _list(self.comment(repo, issue, item) for item in issue["comments"]),
            "projectCards": _list([]),
            "projectItems": _list([]),
            "subIssues": _list([]),
            "subIssuesSummary": {"total": 0, "completed": 0, "percentCompleted": 0},
            "blockedBy": _list([]),
            "blocking": _list([]),
            "closedByPullRequestsReferences": _list([]),
        }

    def release(self, repo: Json, release: Json) -> Json:
        """Return a release."""
        return {
            "id": f"RE_{release['id']}",
            "databaseId": release["id"],
            "name": release["name"],
            "tagName": release["tag_name"],
            "description": release["body"],
            "isDraft": release["draft"],
            "isLatest": release is latest(repo),
            "isPrerelease": release["prerelease"],
            "isImmutable": release["immutable"],
            "immutable": release["immutable"],
            "createdAt": release["created_at"],
            "publishedAt": release["published_at"],
            "url": release_json(repo, release)["html_url"],
        }

    def ruleset(self, repo: Document, ruleset: Json) -> Json:
        """Return a ruleset."""
        return {
            "id": f"RRS_{ruleset['id']}",
            "databaseId": ruleset["id"],
            "name": ruleset["name"],
            "target": ruleset["target"].upper(),
            "enforcement": ruleset["enforcement"].upper(),
            "source": lambda _info: {"__typename": "Repository", **self.repository(repo)},
            "rules": {"totalCount": len(ruleset["rules"])},
        }

    def repository(self, repo: Document) -> Json:
        """Return a repository."""
        role = self.store.role(repo, self.call.actor.login)
        if self.call.actor.job is not None:
            role = "write"
        git = GitRepo(self.store, repo)
        drafts = self.call.can("contents", "write")
        releases = [r for r in repo["releases"] if drafts or not r["draft"]]
        newest = latest(repo)
        pulls = [
            {
                "__typename": "PullRequest",
                "id": f"PR_{pull['id']}",
                "number": pull["number"],
                "title": pull["title"],
                "url": f"https://github.com/{repo['full_name']}/pull/{pull['number']}",
                "state": pull["state"].upper(),
                "headRefName": pull["head"],
                "baseRefName": pull["base"],
                "isCrossRepository": pull["fork"],
                "isDraft": pull["draft"],
                "headRepositoryOwner": {"id": "U_0", "login": repo["owner"]},
            }
            for pull in repo["pulls"]
        ]
        owner = user_json(self.store, repo["owner"])
        flags = dict.fromkeys(
            ("hasIssuesEnabled", "mergeCommitAllowed", "rebaseMergeAllowed", "squashMergeAllowed",
             "isBlankIssuesEnabled", "hasProjectsEnabled"),
            True,
        ) | dict.fromkeys(
            ("hasWikiEnabled", "hasDiscussionsEnabled", "isTemplate", "isInOrganization",
             "deleteBranchOnMerge", "isSecurityPolicyEnabled"),
            False,
        )  # fmt: skip
        branch = repo["default_branch"]
        head = f"refs/heads/{branch}"
        empty = git.resolve(head) is None

        def release_of(_info: object, **args: str) -> Json | None:
            mine = [r for r in releases if r["tag_name"] == args["tagName"]]
            found = sorted(found_by_now(repo, mine), key=lambda r: r["draft"])
            return self.release(repo, found[0]) if found else None

        return {
            **flags,
            "__typename": "Repository",
            "id": f"R_{repo['id']}",
            "databaseId": repo["id"],
            "name": repo["name"],
            "nameWithOwner": repo["full_name"],
            "owner": {"id": owner["node_id"], "login": owner["login"]},
            "url": f"https://github.com/{repo['full_name']}",
            "sshUrl": f"git@github.com:{repo['full_name']}.git",
            "description": repo["description"],
            "isPrivate": repo["private"],
            "visibility": "PRIVATE" if repo["private"] else "PUBLIC",
            "isFork": repo["fork"],
            "isArchived": repo["archived"],
            "isEmpty": empty,
            "viewerPermission": role.upper() if role != "none" else None,
            "viewerCanAdminister": role == "admin",
            "defaultBranchRef": None if empty else self.ref(repo, head),
            "createdAt": repo["created_at"],
            "updatedAt": repo["created_at"],
            "pushedAt": repo["created_at"],
            "stargazerCount": 0,
            "forkCount": 0,
            "diskUsage": 0,
            "ref": lambda _info, **args: self.ref(repo, args["qualifiedName"]),
            "release": release_of,
            "latestRelease": self.release(repo, newest) if newest else None,
            "releases": lambda _info, **args: connection(
                [self.release(repo, r) for r in sorted(found_by_now(repo, releases), key=lambda r: -r["id"])],
                **args,
            ),
            "issue": lambda _info, number: self.numbered(repo, number),
            "issueOrPullRequest": lambda _info, number: self.numbered(repo, number),
            "issues": lambda _info, **args: self.issues(repo, args),
            "pullRequests": lambda _info, **args: connection(
                (
                    p
                    for p in pulls
                    if args.get("headRefName") in {None, p["headRefName"]}
                    and p["state"] in (args.get("states") or [p["state"]])
                ),
                **args,
            ),
            "labels": _list(self.label(label) for label in repo["labels"]),
            "milestones": _list([]),
            "assignableUsers": _list(self.actor(login) for login in repo["roles"]),
            "suggestedActors": _list(self.actor(login) for login in repo["roles"]),
            "rulesets": _list(self.ruleset(repo, item) for item in repo["rulesets"]),
            "issueTemplates": [],
            "pullRequestTemplates": [],
        }

    def ref(self, repo: Document, name: str) -> Json | None:
        """Return a ref given by its full name, or by a short one as GitHub allows."""
        refs = GitRepo(self.store, repo).refs()
        for full in (name, f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}"):
            if full in refs:
                prefix, _, _ = full.partition(full.split("/", 2)[2])
                target = {"oid": refs[full]}
                short = full.removeprefix(prefix)
                return {"id": f"REF_{full}", "name": short, "prefix": prefix, "target": target}
        return None

    def numbered(self, repo: Document, number: int) -> Json:
        """Return the issue of a number.

        Raises:
            graphql.GraphQLError: in GitHub's words.
        """
        self.enter(repo["full_name"], "issues", "read")
        try:
            return self.issue(repo, find_issue(repo, number))
        except ApiError:
            what = f"Could not resolve to an issue or pull request with the number of {number}."
            raise graphql.GraphQLError(what, extensions={"type": "NOT_FOUND"}) from None

    def issues(self, repo: Document, args: Json) -> Json:
        """Return the issues a query asks for, newest first."""
        self.enter(repo["full_name"], "issues", "read")
        filters = args.get("filterBy") or {}
        states = args.get("states") or filters.get("states") or ["OPEN", "CLOSED"]
        labels = set(args.get("labels") or filters.get("labels") or [])
        creator = filters.get("createdBy")
        found = [
            self.issue(repo, issue)
            for issue in sorted(repo["issues"], key=lambda issue: -issue["number"])
            if issue["state"].upper() in states
            and labels <= set(issue["labels"])
            and creator in {None, issue["author"]}
        ]
        return connection(found, **args)

    def search(self, query: str, args: Json) -> Json:
        """Search issues by `repo:`, `state:`, `label:`, `author:`, `in:` and words.

        Raises:
            graphql.GraphQLError: for a qualifier that is not emulated.
        """
        wanted = qualifiers(query)
        repo = self.enter(wanted["repo"][-1], "issues", "read")
        fields = " ".join(wanted.get("in", ["title body"])).split()
        found = []
        for issue in sorted(repo["issues"], key=lambda issue: -issue["number"]):
            text = " ".join(issue[field] for field in fields if field in {"title", "body"}).lower()
            if (
                issue["state"] in wanted.get("state", [issue["state"]])
                and issue["author"] in wanted.get("author", [issue["author"]])
                and set(wanted.get("label", [])) <= set(issue["labels"])
                and all(word.lower() in text for word in wanted.get("", []))
            ):
                found.append(self.issue(repo, issue))
        return connection(found, **args)

    # -- mutations --------------------------------------------------------------------------

    def _issue_of(self, node: str, role: str = "triage") -> tuple[Document, Json]:
        for repo in self.store.repositories():
            for issue in repo["issues"]:
                if f"I_{issue['id']}" == node:
                    return self.enter(repo["full_name"], "issues", "write", role), issue
        message = f"Could not resolve to a node with the global id of '{node}'"
        raise graphql.GraphQLError(message)

    def _names(self, repo: Json, ids: list[str] | None) -> list[str]:
        return [label["name"] for label in repo["labels"] if f"LA_{label['id']}" in (ids or [])]

    def _logins(self, ids: list[str] | None) -> list[str]:
        users = self.store.state["users"].values()
        return [user["login"] for user in users if f"U_{user['id']}" in (ids or [])]

    def create(self, data: Json) -> Json:
        """File an issue."""
        for repo in self.store.repositories():
            if f"R_{repo['id']}" == data["repositoryId"]:
                self.enter(repo["full_name"], "issues", "write", "read")
                labels = self._names(repo, data.get("labelIds"))
                people = self._logins(data.get("assigneeIds"))
                facts = {"title": data["title"], "body": data.get("body"), "labels": labels}
                author = self.call.actor.login
                issue = new_issue(self.store, repo, author, {**facts, "assignees": people})
                return {"issue": self.issue(repo, issue)}
        message = "Could not resolve to a Repository"
        raise graphql.GraphQLError(message)

    def update(self, data: Json) -> Json:
        """Change an issue."""
        repo, issue = self._issue_of(data["id"])
        changes = {key: data[key] for key in ("title", "body") if data.get(key) is not None}
        if data.get("labelIds") is not None:
            changes["labels"] = self._names(repo, data["labelIds"])
        if data.get("assigneeIds") is not None:
            changes["assignees"] = self._logins(data["assigneeIds"])
        change_issue(self.store, repo, issue, changes)
        return {"issue": self.issue(repo, issue)}

    def set_state(self, data: Json, state: str) -> Json:
        """Close or reopen an issue."""
        repo, issue = self._issue_of(data["issueId"])
        facts = {"state": state, "state_reason": (data.get("stateReason") or "completed").lower()}
        change_issue(self.store, repo, issue, facts)
        return {"issue": self.issue(repo, issue)}

    def comment_on(self, data: Json) -> Json:
        """Comment on an issue."""
        repo, issue = self._issue_of(data["subjectId"], "read")
        comment = add_comment(self.store, repo, issue, self.call.actor.login, data["body"])
        return {"commentEdge": {"node": self.comment(repo, issue, comment)}}

    def relabel(self, data: Json, *, add: bool) -> Json:
        """Add or remove labels of an issue."""
        repo, issue = self._issue_of(data["labelableId"])
        names = self._names(repo, data["labelIds"])
        kept = [name for name in issue["labels"] if add or name not in names]
        set_labels(self.store, repo, issue, kept + (names if add else []))
        return {}

    def assign(self, data: Json) -> Json:
        """Give an issue these assignees and no others."""
        repo, issue = self._issue_of(data["assignableId"])
        people = data.get("actorLogins") or self._logins(data.get("actorIds"))
        change_issue(self.store, repo, issue, {"assignees": people})
        return {}

    def delete(self, node: str) -> Json:
        """Delete an issue, which takes an administrator."""
        repo, issue = self._issue_of(node, "admin")
        repo["issues"].remove(issue)
        repo.save()
        return {"repository": self.repository(repo)}

    def root(self) -> Json:
        """Return the root of queries and mutations."""
        me = self.call.actor.login

        def repository(_info: object, owner: str, name: str, **_: object) -> Json:
            try:
                repo = self.enter(f"{owner}/{name}", "metadata", "read")
            except ApiError:
                what = f"Could not resolve to a Repository with the name '{owner}/{name}'."
                raise graphql.GraphQLError(what, extensions={"type": "NOT_FOUND"}) from None
            return self.repository(repo)

        return {
            "viewer": lambda _info: self.actor(me),
            "repository": repository,
            "repositoryOwner": lambda _info, login: {"id": f"U_{login}", "login": login},
            "organization": None,
            "user": lambda _info, login: self.actor(login),
            "search": lambda _info, query, **args: self.search(query, args),
            "createIssue": lambda _info, **args: self.create(args["input"]),
            "updateIssue": lambda _info, **args: self.update(args["input"]),
            "closeIssue": lambda _info, **args: self.set_state(args["input"], "closed"),
            "reopenIssue": lambda _info, **args: self.set_state(args["input"], "open"),
            "deleteIssue": lambda _info, **args: self.delete(args["input"]["issueId"]),
            "replaceActorsForAssignable": lambda _info, **args: self.assign(args["input"]),
            "addComment": lambda _info, **args: self.comment_on(args["input"]),
            "addLabelsToLabelable": lambda _info, **args: self.relabel(args["input"], add=True),
            "removeLabelsFromLabelable": lambda _info, **args: self.relabel(args["input"], add=False),
        }


@route("POST", "/graphql")
def execute(call: Call) -> Answer:
    """Execute a query; errors come as GitHub's GraphQL gives them, with status 200."""
    if call.actor.anonymous:
        raise ApiError(401, "This endpoint requires you to be authenticated.")
    result = graphql.graphql_sync(
        SCHEMA,
        call.body.get("query", ""),
        root_value=View(call).root(),
        variable_values=call.body.get("variables"),
        operation_name=call.body.get("operationName"),
    )
    answer: Json = {"data": result.data}
    if result.errors:
        answer["errors"] = [_error(error) for error in result.errors]
    return reply(200, answer)


def _error(error: graphql.GraphQLError) -> Json:
    """Return an error in GitHub's form, which puts the type beside the message."""
    shown: Json = {**error.formatted}
    shown |= shown.pop("extensions", {})
    if isinstance(error.original_error, ApiError):
        shown["type"] = "FORBIDDEN"
    return shown
