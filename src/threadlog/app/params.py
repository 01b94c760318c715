"""The params of requests: a struct for each, called what Codex calls it."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, UnsetType

from threadlog.app.kinds import I64, U32, Json, Omissible, Tagged, Untagged
from threadlog.app.shapes import (
    ClientInfo,
    InitializeCapabilities,
    LoginAppBrand,
    Params,
    SortDirection,
    ThreadGoalMutationOrigin,
    ThreadGoalStatus,
    ThreadItemOutputDeferral,
    ThreadItemsListCursor,
    ThreadMemoryMode,
    ThreadMetadataGitInfoUpdateParams,
    ThreadSearchSortKey,
    ThreadSortKey,
    ThreadSourceKind,
    TurnItemsView,
)
from threadlog.app.thread_params import (
    ThreadForkParams,
    ThreadResumeParams,
    ThreadSettingsUpdateParams,
    ThreadStartParams,
)
from threadlog.app.turn_params import (
    ReviewStartParams,
    TurnInterruptParams,
    TurnStartParams,
    TurnSteerParams,
)


class InitializeParams(Params, frozen=True):
    """A client introduces itself."""

    client_info: ClientInfo
    capabilities: InitializeCapabilities | None = None


class ThreadArchiveParams(Params, frozen=True):
    """A thread is put away."""

    thread_id: str


class ThreadDeleteParams(Params, frozen=True):
    """A thread is deleted."""

    thread_id: str


class ThreadUnsubscribeParams(Params, frozen=True):
    """A client wants to hear no more of a thread."""

    thread_id: str


class ThreadSetNameParams(Params, frozen=True):
    """A thread is named."""

    thread_id: str
    name: str


class ThreadGoalSetParams(Params, frozen=True):
    """A thread is given a goal, or its goal is changed."""

    thread_id: str
    origin: ThreadGoalMutationOrigin | None = None
    objective: str | None = None
    status: ThreadGoalStatus | None = None
    token_budget: I64 | UnsetType | None = UNSET


class ThreadGoalGetParams(Params, frozen=True):
    """A thread's goal."""

    thread_id: str


class ThreadGoalClearParams(Params, frozen=True):
    """A thread has a goal no more."""

    thread_id: str
    origin: ThreadGoalMutationOrigin | None = None


class ThreadMetadataUpdateParams(Params, frozen=True):
    """What is known of a thread is changed; a field left out stays."""

    thread_id: str
    project_id: str | None = None
    git_info: ThreadMetadataGitInfoUpdateParams | None = None
    daybreak_enabled: bool | None = None


class ThreadMemoryModeSetParams(Params, frozen=True):
    """Whether memories are made of a thread."""

    thread_id: str
    mode: ThreadMemoryMode


class ThreadUnarchiveParams(Params, frozen=True):
    """A thread is brought back."""

    thread_id: str


class ThreadCompactStartParams(Params, frozen=True):
    """The history of a thread is compacted."""

    thread_id: str


class ThreadRevertParams(Params, frozen=True):
    """A thread goes back to before a turn."""

    thread_id: str
    before_turn_id: str


class ThreadListParams(Params, frozen=True):
    """Threads, page by page."""

    include_attached_threads: bool = False
    current_account_only: bool = False
    cursor: str | None = None
    limit: U32 | None = None
    excluded_thread_ids: list[str] | None = None
    sort_key: ThreadSortKey | None = None
    sort_direction: SortDirection | None = None
    model_providers: list[str] | None = None
    source_kinds: list[ThreadSourceKind] | None = None
    originators: list[str] | None = None
    archived: bool | None = None
    section_id: str | UnsetType | None = UNSET
    project_id: str | UnsetType | None = UNSET
    cwd: Annotated[str | list[str], Untagged("ThreadListCwdFilter")] | None = None
    use_state_db_only: bool = False
    search_term: str | None = None
    parent_thread_id: str | None = None
    ancestor_thread_id: str | None = None
    attached_to_thread_id: str | None = None


class ThreadSearchParams(Params, frozen=True, kw_only=True):
    """Threads that say something."""

    include_attached_threads: bool = False
    current_account_only: bool = False
    cursor: str | None = None
    limit: U32 | None = None
    sort_key: ThreadSearchSortKey | None = None
    sort_direction: SortDirection | None = None
    source_kinds: list[ThreadSourceKind] | None = None
    archived: bool | None = None
    search_term: str


class ThreadLoadedListParams(Params, frozen=True):
    """Threads in memory."""

    cursor: str | None = None
    limit: U32 | None = None


class ThreadReadParams(Params, frozen=True):
    """A stored thread."""

    thread_id: str
    include_turns: bool = False


class ThreadTurnsListParams(Params, frozen=True):
    """The turns of a thread, page by page."""

    thread_id: str
    cursor: str | None = None
    limit: U32 | None = None
    sort_direction: SortDirection | None = None
    items_view: TurnItemsView | None = None


class ThreadItemsListParams(Params, frozen=True):
    """The items of a thread, page by page."""

    thread_id: str
    turn_id: str | None = None
    cursor: ThreadItemsListCursor | None = None
    limit: U32 | None = None
    sort_direction: SortDirection | None = None
    defer_output: ThreadItemOutputDeferral | None = None


class ThreadInjectItemsParams(Params, frozen=True):
    """Items for the model's history."""

    thread_id: str
    items: list[Json]


class ModelListParams(Params, frozen=True):
    """Models, page by page."""

    model_provider: str | None = None
    cursor: str | None = None
    limit: U32 | None = None
    include_hidden: bool | None = None


class ModelProviderListParams(Params, frozen=True):
    """Who provides models."""


class ModelProviderCapabilitiesReadParams(Params, frozen=True):
    """What a provider can do."""


class CollaborationModeListParams(Params, frozen=True):
    """Modes of working together."""


class CancelLoginAccountParams(Params, frozen=True):
    """A login is given up."""

    login_id: str


class GetAccountParams(Params, frozen=True):
    """Who is logged in."""

    refresh_token: bool = False


class ThreadRollbackParams(Params, frozen=True):
    """The last turns are forgotten; Codex 0.169 knows this request no more."""

    thread_id: str
    num_turns: U32


class ApiKey(Params, frozen=True, tag="apiKey"):
    """A login by a key."""

    api_key: str


class Chatgpt(Params, frozen=True, tag="chatgpt"):
    """A login in a browser."""

    codex_streamlined_login: bool = False
    use_hosted_login_success_page: bool = False
    app_brand: Omissible[LoginAppBrand] = None


class ChatgptDeviceCode(Params, frozen=True, tag="chatgptDeviceCode"):
    """A login on another device."""


class ChatgptAuthTokens(Params, frozen=True, tag="chatgptAuthTokens"):
    """A login by tokens that the client keeps fresh."""

    access_token: str
    chatgpt_account_id: str
    chatgpt_plan_type: str | None = None


class AmazonBedrock(Params, frozen=True, tag="amazonBedrock"):
    """A login to Bedrock by a key."""

    api_key: str
    region: str


class AmazonBedrockAccessKeys(Params, frozen=True, tag="amazonBedrockAccessKeys", kw_only=True):
    """A login to Bedrock by access keys."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    region: str


LoginAccountParams = Annotated[
    ApiKey
    | Chatgpt
    | ChatgptDeviceCode
    | ChatgptAuthTokens
    | AmazonBedrock
    | AmazonBedrockAccessKeys,
    Tagged("LoginAccountParams"),
]


class NoParams(Params, frozen=True):
    """A request that has no params."""


PARAMS: dict[str, object] = {
    "initialize": InitializeParams,
    "thread/start": ThreadStartParams,
    "thread/resume": ThreadResumeParams,
    "thread/fork": ThreadForkParams,
    "thread/archive": ThreadArchiveParams,
    "thread/delete": ThreadDeleteParams,
    "thread/unsubscribe": ThreadUnsubscribeParams,
    "thread/name/set": ThreadSetNameParams,
    "thread/goal/set": ThreadGoalSetParams,
    "thread/goal/get": ThreadGoalGetParams,
    "thread/goal/clear": ThreadGoalClearParams,
    "thread/metadata/update": ThreadMetadataUpdateParams,
    "thread/settings/update": ThreadSettingsUpdateParams,
    "thread/memoryMode/set": ThreadMemoryModeSetParams,
    "thread/unarchive": ThreadUnarchiveParams,
    "thread/compact/start": ThreadCompactStartParams,
    "thread/rollback": ThreadRollbackParams,
    "thread/revert": ThreadRevertParams,
    "thread/list": ThreadListParams,
    "thread/search": ThreadSearchParams,
    "thread/loaded/list": ThreadLoadedListParams,
    "thread/read": ThreadReadParams,
    "thread/turns/list": ThreadTurnsListParams,
    "thread/items/list": ThreadItemsListParams,
    "thread/inject_items": ThreadInjectItemsParams,
    "turn/start": TurnStartParams,
    "turn/steer": TurnSteerParams,
    "turn/interrupt": TurnInterruptParams,
    "review/start": ReviewStartParams,
    "model/list": ModelListParams,
    "modelProvider/list": ModelProviderListParams,
    "modelProvider/capabilities/read": ModelProviderCapabilitiesReadParams,
    "collaborationMode/list": CollaborationModeListParams,
    "account/login/cancel": CancelLoginAccountParams,
    "account/login/start": LoginAccountParams,
    "account/logout": NoParams,
    "account/read": GetAccountParams,
}
