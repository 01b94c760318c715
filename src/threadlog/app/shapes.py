"""What params are made of: the words, structs and unions that several requests share.

The classes of structs are called what Codex calls them, since refusals name them.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from threadlog.app.kinds import (
    U32,
    Choice,
    Defaulted,
    Flat,
    InvalidRequest,
    Json,
    Omissible,
    PathText,
    Tagged,
    Then,
    Untagged,
    Usize,
)


class Shape(msgspec.Struct, frozen=True, rename="camel"):
    """A struct within params."""


class Params(Shape, frozen=True):
    """The params of a request."""


def _absolute(path: object) -> object:
    if not str(path).startswith("/"):
        raise InvalidRequest("AbsolutePathBuf deserialized without a base path")
    return path


def _portably_absolute(path: object) -> object:
    if not re.match(r"/|[A-Za-z]:[\\/]|\\\\", str(path)):
        raise InvalidRequest(f"path `{path}` is not absolute")
    return path


def _some(effort: object) -> object:
    if not effort:
        raise InvalidRequest("reasoning_effort must not be empty")
    return effort


AbsolutePath = Annotated[PathText, Then(_absolute)]
Effort = Annotated[str, Then(_some)]
# An empty path means none.
RolloutPath = Annotated[PathText | None, Defaulted(), Then(lambda path: path or None)]

ApprovalsReviewer = Literal["user", "auto_review", "guardian_subagent"]
CyberAccessProgram = Literal["standard", "daybreakBlue", "daybreakRed"]
ImageDetail = Literal["auto", "low", "high", "original"]
LoginAppBrand = Literal["codex", "chatgpt"]
Personality = Literal["none", "friendly", "pragmatic"]
ReasoningSummary = Literal["auto", "concise", "detailed", "none"]
ReviewDelivery = Literal["inline"]
SandboxMode = Literal["read-only", "workspace-write", "danger-full-access"]
SortDirection = Literal["asc", "desc"]
ThreadGoalMutationOrigin = Literal["user", "automatic"]
ThreadGoalStatus = Literal[
    "active", "paused", "blocked", "usageLimited", "budgetLimited", "complete"
]
ThreadHistoryMode = Literal["legacy", "paginated"]
ThreadMemoryMode = Literal["enabled", "disabled"]
ThreadSearchSortKey = Literal["created_at", "updated_at", "recency_at"]
ThreadSortKey = Literal["created_at", "updated_at", "recency_at", "section_position"]
ThreadSourceKind = Literal[
    "cli",
    "vscode",
    "exec",
    "appServer",
    "subAgent",
    "subAgentReview",
    "subAgentCompact",
    "subAgentThreadSpawn",
    "subAgentOther",
    "unknown",
]
ThreadStartSource = Literal["startup", "clear"]
TurnItemsView = Literal["notLoaded", "summary", "full"]


class Granular(Shape, frozen=True, kw_only=True, rename=None):
    """Approvals, asked for by what they are about."""

    sandbox_approval: bool
    rules: bool
    skill_approval: bool = False
    request_permissions: bool = False
    mcp_elicitations: bool


AskForApproval = Annotated[
    str | dict[str, Granular],
    Choice(
        "AskForApproval",
        (("untrusted", None), ("on-request", None), ("granular", Granular), ("never", None)),
    ),
]
MultiAgentMode = Annotated[
    str | dict[str, str],
    Choice(
        "MultiAgentMode",
        (("none", None), ("custom", str), ("explicitRequestOnly", None), ("proactive", None)),
    ),
]


class ClientInfo(Shape, frozen=True, kw_only=True):
    """Who connects."""

    name: str
    title: str | None = None
    version: str


class InitializeCapabilities(Shape, frozen=True):
    """What a client is ready for."""

    required_human_approval: bool = False
    explicit_gateway_oauth: bool = False
    experimental_api: bool = False
    request_attestation: bool = False
    mcp_server_openai_form_elicitation: bool = False
    opt_out_notification_methods: list[str] | None = None
    extensions: dict[str, Json] | None = None


class TurnEnvironmentParams(Shape, frozen=True):
    """Where a turn's commands run."""

    environment_id: str
    cwd: str
    runtime_workspace_roots: list[str] | None = None


class Environment(Shape, frozen=True, tag="environment"):
    """A place in an environment."""

    environment_id: str
    path: Annotated[str, Then(_portably_absolute)]


CapabilityRootLocation = Annotated[Environment, Tagged("CapabilityRootLocation")]


class SelectedCapabilityRoot(Shape, frozen=True):
    """A folder of capabilities."""

    id: str
    location: CapabilityRootLocation


class FullAccess(Shape, frozen=True, tag="fullAccess"):
    """All may be read: the only answer that is still taken."""


class Restricted(Shape, frozen=True, tag="restricted"):
    """Not all may be read."""


LegacyReadOnlyAccess = Annotated[FullAccess | Restricted, Tagged("LegacyReadOnlyAccess")]


class DangerFullAccess(Shape, frozen=True, tag="dangerFullAccess"):
    """No sandbox."""


class ReadOnly(Shape, frozen=True, tag="readOnly"):
    """A sandbox that lets nothing be written."""

    network_access: bool = False
    access: Annotated[LegacyReadOnlyAccess | None, Defaulted()] = None


class ExternalSandbox(Shape, frozen=True, tag="externalSandbox"):
    """A sandbox of somebody else's."""

    network_access: Literal["restricted", "enabled"] = "restricted"


class WorkspaceWrite(Shape, frozen=True, tag="workspaceWrite"):
    """A sandbox that lets the workspace be written to."""

    writable_roots: list[AbsolutePath] = []
    read_only_access: Annotated[LegacyReadOnlyAccess | None, Defaulted()] = None
    network_access: bool = False
    exclude_tmpdir_env_var: bool = False
    exclude_slash_tmp: bool = False


def _unrestricted(policy: object) -> object:
    """A sandbox that does not restrict what is read, which Codex did once."""
    field = ""
    if isinstance(policy, ReadOnly) and isinstance(policy.access, Restricted):
        field = "readOnly.access"
    if isinstance(policy, WorkspaceWrite) and isinstance(policy.read_only_access, Restricted):
        field = "workspaceWrite.readOnlyAccess"
    if field:
        raise InvalidRequest(
            f"{field} is no longer supported; use permissionProfile for restricted reads"
        )
    return policy


SandboxPolicy = Annotated[
    DangerFullAccess | ReadOnly | ExternalSandbox | WorkspaceWrite,
    Tagged("SandboxPolicyDeserialize"),
    Then(_unrestricted),
]

_MODES = ("plan", "code", "custom", "default", "execute", "pair_programming")


class Settings(Shape, frozen=True, rename=None):
    """What a collaboration mode sets."""

    model: str
    reasoning_effort: Effort | None = None
    developer_instructions: str | None = None


class CollaborationMode(Shape, frozen=True):
    """How agent and user work together; all modes but `plan` are former names of `default`."""

    mode: Annotated[
        str,
        Choice("ModeKind", tuple((word, None) for word in _MODES)),
        Then(lambda word: word if word == "plan" else "default"),
    ]
    settings: Settings


class ByteRange(Shape, frozen=True):
    """Bytes of a text."""

    start: Usize
    end: Usize


class TextElement(Shape, frozen=True):
    """A part of a text that an interface shows otherwise."""

    byte_range: ByteRange
    placeholder: str | None = None


class Url(Shape, frozen=True):
    """Something by its address."""

    url: str


class FileId(Shape, frozen=True):
    """Something by the id under which it was uploaded."""

    file_id: str


class Text(Shape, frozen=True, tag="text", rename=None):
    """Words of the user."""

    text: str
    text_elements: list[TextElement] = []


class Image(Shape, frozen=True, tag="image"):
    """An image that lies elsewhere."""

    source: Annotated[Url | FileId, Untagged("ImageReference"), Flat()]
    detail: ImageDetail | None = None


class LocalImage(Shape, frozen=True, tag="localImage", kw_only=True):
    """An image in a file."""

    detail: Omissible[ImageDetail] = None
    path: PathText


class Audio(Shape, frozen=True, tag="audio"):
    """A recording that lies elsewhere."""

    source: Annotated[Url | FileId, Untagged("AudioReference"), Flat()]


class LocalAudio(Shape, frozen=True, tag="localAudio"):
    """A recording in a file."""

    path: PathText


class Skill(Shape, frozen=True, tag="skill"):
    """A skill that is to be used."""

    name: str
    path: PathText


class Mention(Shape, frozen=True, tag="mention"):
    """Something that is mentioned."""

    name: str
    path: str


UserInput = Annotated[
    Text | Image | LocalImage | Audio | LocalAudio | Skill | Mention, Tagged("UserInput")
]


class AdditionalContextEntry(Shape, frozen=True):
    """Context that comes along with a turn."""

    value: str
    kind: Literal["untrusted", "application"]
    name: str | None = None


class UncommittedChanges(Shape, frozen=True, tag="uncommittedChanges"):
    """A review of what is not committed."""


class BaseBranch(Shape, frozen=True, tag="baseBranch"):
    """A review against a branch."""

    branch: str


class Commit(Shape, frozen=True, tag="commit"):
    """A review of a commit."""

    sha: str
    title: str | None = None


class Custom(Shape, frozen=True, tag="custom"):
    """A review as instructed."""

    instructions: str


ReviewTarget = Annotated[UncommittedChanges | BaseBranch | Commit | Custom, Tagged("ReviewTarget")]


class ThreadMetadataGitInfoUpdateParams(Shape, frozen=True):
    """What git says of a thread: each is set, cleared by null, or left."""

    sha: str | UnsetType | None = UNSET
    branch: str | UnsetType | None = UNSET
    origin_url: str | UnsetType | None = UNSET


class Item(Shape, frozen=True, tag="item"):
    """A place in a thread by the item that is there."""

    item_id: str


ThreadItemsListAnchor = Annotated[Item, Tagged("ThreadItemsListAnchor")]
ThreadItemsListCursor = Annotated[str | ThreadItemsListAnchor, Untagged("ThreadItemsListCursor")]


class ThreadItemOutputDeferral(Shape, frozen=True):
    """Whose output may come later."""

    command_execution: bool = False
    mcp_tool_call: bool = False


class ThreadResumeInitialTurnsPageParams(Shape, frozen=True):
    """The first page of turns, which comes along."""

    limit: U32 | None = None
    sort_direction: SortDirection | None = None
    items_view: TurnItemsView | None = None
