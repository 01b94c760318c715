"""The methods of the server: a table, and how a request finds its place in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from threadlog.app import account, changes, listing, threads, turns
from threadlog.app.protocol import METHODS
from threadlog.app.refusals import invalid, needs_experimental, not_supported
from threadlog.app.serde import InvalidRequest, decode, needing_opt_in, unknown_method

if TYPE_CHECKING:
    from threadlog.app.client import Client, Handler

HANDLERS: dict[str, Handler] = {
    "initialize": account.initialize,
    "thread/start": threads.start,
    "thread/resume": threads.resume,
    "thread/fork": threads.fork,
    "thread/read": threads.read,
    "thread/loaded/list": threads.loaded_list,
    "thread/turns/list": threads.turns_list,
    "thread/items/list": threads.items_list,
    "thread/unsubscribe": threads.unsubscribe,
    "thread/settings/update": threads.settings_update,
    "thread/list": listing.list_threads,
    "thread/search": listing.search,
    "thread/archive": changes.archive,
    "thread/unarchive": changes.unarchive,
    "thread/delete": changes.delete,
    "thread/name/set": changes.set_name,
    "thread/metadata/update": changes.update_metadata,
    "thread/memoryMode/set": changes.set_memory_mode,
    "thread/rollback": changes.rollback,
    "thread/revert": changes.revert,
    "thread/inject_items": changes.inject,
    "thread/goal/set": changes.set_goal,
    "thread/goal/get": changes.get_goal,
    "thread/goal/clear": changes.clear_goal,
    "thread/compact/start": turns.compact,
    "turn/start": turns.start,
    "turn/steer": turns.steer,
    "turn/interrupt": turns.interrupt,
    "review/start": turns.review,
    "model/list": account.models,
    "collaborationMode/list": account.no_modes,
    "account/read": account.read,
    "account/login/start": account.login,
    "account/login/cancel": account.cancel_login,
    "account/logout": account.logout,
}


class Methods:
    """Requests, understood."""

    def understand(self, client: Client, message: dict[str, Any]) -> tuple[Handler, Any]:
        """The handler of a request and its params; raises RpcError."""
        method = message["method"]
        if not isinstance(method, str):
            raise invalid("Invalid request: the method is no text")
        handler = HANDLERS.get(method)
        if handler is None and method in METHODS:
            raise not_supported(method)
        if handler is None:
            raise invalid(f"Invalid request: {unknown_method(method)}")
        try:
            params = decode(method, message.get("params"))
        except InvalidRequest as error:
            raise invalid(f"Invalid request: {error}") from None
        if not client.experimental and client.initialized:
            wanted = needing_opt_in(method, params)
            if wanted is not None:
                raise needs_experimental(wanted)
        return handler, params
