"""`threadlog app-server`: Codex's app-server over a home, with an agent of one's own."""

from __future__ import annotations

import argparse
import asyncio
import sys

from threadlog.home import Home

# A listing may be so old: a look at every rollout for each request would cost more than it tells.
_FRESHNESS_S = 2.0


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Serve until the client is gone, or a signal comes."""
    from threadlog import aio, connect
    from threadlog.agents.finding import find_agent
    from threadlog.app.serve import serve
    from threadlog.app.server import UNLOAD_AFTER_S, Options

    try:
        agent = find_agent(arguments.agent)
    except ValueError as error:
        print(f"threadlog: {error}", file=sys.stderr)
        return 2
    served = connect.open(home.path, freshness_s=_FRESHNESS_S, background=True)
    after = UNLOAD_AFTER_S if arguments.unload_after is None else arguments.unload_after
    options = Options(agent, arguments.model, after)
    asyncio.run(serve(aio.Home(served), options, arguments.listen))
    return 0
