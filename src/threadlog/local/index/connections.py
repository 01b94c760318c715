"""A home's connections to an index of it, and what becomes of trouble with them.

One connection is asked; another one is for upkeep, so that questions are answered meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cached_property
from typing import Generic, ParamSpec, Protocol, TypeVar

from threadlog.core.lines import BadLine
from threadlog.local.index import forks
from threadlog.local.index.forks import Lease
from threadlog.local.index.trouble import CallersOwn, Unusable

# What comes of rows that no threadlog wrote.
NONSENSE = (TypeError, ValueError, AttributeError, LookupError, RecursionError, BadLine)
_Answer = TypeVar("_Answer")
_Asked = ParamSpec("_Asked")
_Told = TypeVar("_Told")


class Connection(Protocol):
    """One to an index, opened when it is used."""

    @property
    def is_open(self) -> bool:
        """True while the file is open."""

    def empty(self) -> None:
        """Forget all that the index holds; raises Unusable."""

    def close(self) -> None:
        """Let go of the file."""


_Connection = TypeVar("_Connection", bound=Connection)


class Connections(Generic[_Connection]):
    """The two; each is for one OS thread at a time."""

    def __init__(self, home: str, what: str, make: Callable[[], _Connection]) -> None:
        """*what* is the index that *make* makes a connection to."""
        self._home = home
        self._what = what
        self._make = make
        self._asking, self._keeping = Lease(), Lease()
        self._started_over = False
        self.trouble: str | None = None  # why the index could not be asked, the last time

    @cached_property
    def asked(self) -> _Connection:
        """The one for questions."""
        return self._make()

    @cached_property
    def kept(self) -> _Connection:
        """The one for upkeep."""
        return self._make()

    def is_made(self) -> bool:
        """True if the one for questions was used before."""
        return "asked" in vars(self)

    def ask(self, ask: Callable[[], tuple[_Answer] | None]) -> tuple[_Answer] | None:
        """The index's answer, if it has one; else others are to give it.

        *ask* uses `asked`, if it has to: to make that loads SQLite.
        """
        return self._ask(ask, self._asking)

    def keep(self, act: Callable[[_Connection], tuple[_Answer]]) -> tuple[_Answer] | None:
        """The same for upkeep, with `kept`."""
        return self._ask(lambda: act(self.kept), self._keeping)

    def empty(self) -> bool:
        """Have the index forget all it holds; False if it could not be."""

        def emptied(connection: _Connection) -> tuple[bool]:
            connection.empty()
            return (True,)

        # A file that is damaged was moved aside: then there is a new one to be had.
        return self.keep(emptied) is not None or (
            not self.kept.is_open and self.keep(emptied) is not None
        )

    def close_idle(self) -> None:
        """Close the connections that nobody uses at this moment."""
        if "asked" in vars(self):
            self._asking.if_idle(self.asked.close)
        if "kept" in vars(self):
            self._keeping.if_idle(self.kept.close)

    def forked(self) -> None:
        """Begin anew in a child: nobody here would let go of the parent's locks."""
        idle = self._asking.is_idle() and self._keeping.is_idle()
        made = [vars(self).pop(name) for name in ("asked", "kept") if name in vars(self)]
        if made and (not idle or any(each.is_open for each in made)):
            forks.bar(self._home, made)
        self._asking, self._keeping = Lease(), Lease()

    def _ask(self, ask: Callable[[], tuple[_Answer] | None], lease: Lease) -> tuple[_Answer] | None:
        try:
            with lease.lock:
                if forks.is_barred(self._home):
                    raise Unusable("this process was forked while its parent was using the index")
                answer = ask()
            self.trouble = None
        except Unusable as error:
            self.trouble = str(error)
            return None
        except CallersOwn as error:
            raise error.args[0] from None
        except NONSENSE as error:  # no such content is ours: whoever wrote it, it must not stay
            self.trouble = f"the {self._what} holds what makes no sense ({type(error).__name__})"
            self._start_over()
            return None
        return answer

    def _start_over(self) -> None:
        """Empty the index, but once only: should the fault be ours, it would be for ever."""
        if not self._started_over:
            self._started_over = True
            connection = self._make()
            with contextlib.suppress(Unusable):
                connection.empty()
            connection.close()


def own(call: Callable[_Asked, _Told]) -> Callable[_Asked, _Told]:
    """What a caller wants called (progress, stop), with what it raises marked as its own."""

    def called(*args: _Asked.args, **keywords: _Asked.kwargs) -> _Told:
        try:
            return call(*args, **keywords)
        except Exception as error:
            raise CallersOwn(error) from error

    return called
