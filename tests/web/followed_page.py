"""A page that follows a thread, as a small model in Python: HTML as trees, and events put to it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote_plus

import threadlog
from threadlog.html.markup import VOID
from threadlog.web.follower import Follower, Known
from threadlog.web.places import thread_of
from threadlog.web.stretches import ThreadTurns

# Of a place in an address: where the lines end that older turns are read from, as was seen.
_END, _LEFT = re.compile(r'", (null|\[[^]]*\]), '), '", '


class Node:
    """An element, or the root of some."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Node | str] = []

    def has(self, class_: str) -> bool:
        return class_ in self.attributes.get("class", "").split()

    @property
    def elements(self) -> list[Node]:
        return [each for each in self.children if isinstance(each, Node)]

    def all(self) -> list[Node]:
        return [self, *(below for each in self.elements for below in each.all())]

    def first(self, class_: str) -> Node:
        return next(each for each in self.all() if each.has(class_))

    def lines(self, depth: int = 0) -> list[str]:
        """As text, to be compared."""
        told = self.attributes.items()
        marks = " ".join(f"{key}={_END.sub(_LEFT, unquote_plus(text))}" for key, text in told)
        inner = [
            line
            for each in self.children
            for line in (
                each.lines(depth + 1)
                if isinstance(each, Node)
                else [" " * (depth + 1) + repr(each)]
            )
        ]
        return [" " * depth + f"<{self.name} {marks}>", *inner]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {key: value or "" for key, value in attrs})
        self._open[-1].children.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().name == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def parsed(html: str) -> list[Node]:
    """The elements that some HTML is of."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    return parser.root.elements


class FollowedPage:
    """What a browser shows of a thread from when it is loaded on."""

    def __init__(self, home: threadlog.Home, name: str) -> None:
        self._home = home
        self._name = name
        self.loads = 0
        self._load()

    def _load(self) -> None:
        self.loads += 1
        turns = ThreadTurns(self._home, thread_of(self._home, self._name), lambda: False)
        self._shown = [each for each in parsed(turns.newest().html) if each.name == "article"]
        self._follower = Follower(self._home, self._name, self._known())
        self._put(self._follower.begin())

    def _known(self) -> Known:
        if not self._shown:
            return Known(None, None, 0, "", 0)
        told = self._shown[-1].attributes
        turn_id = json.loads(told["data-at"])[1]
        awaited = sum(each.has("awaited") for each in self._shown[-1].all())
        number = int(told["data-number"]) if "data-number" in told else None
        return Known(turn_id, number, int(told["data-items"]), told["data-status"], awaited)

    def look(self) -> None:
        """Have it told of all that there is."""
        while True:
            self._put(self._follower.poll())
            if not self._follower.behind:
                return

    def close(self) -> None:
        self._follower.close()

    def seen(self, count: int) -> list[list[str]]:
        """The newest turns as text, without what does not matter."""
        return [each.lines() for each in self._shown[len(self._shown) - count :]]

    @property
    def count(self) -> int:
        return len(self._shown)

    def _put(self, events: list[tuple[str, Any]]) -> None:
        for name, told in events:
            if name == "again":
                self.close()
                self._load()
                return
            getattr(self, f"_{name}")(told)

    def _turn(self, told: dict[str, Any]) -> None:
        (made,) = parsed(told["html"])
        if told["back"] is None:
            self._shown.append(made)
        elif told["back"] < len(self._shown):
            self._shown[-1 - told["back"]] = made

    def _drop(self, told: dict[str, Any]) -> None:
        del self._shown[-told["count"] :]

    def _runs(self, told: dict[str, Any]) -> None:
        article = self._article(told)
        if article.attributes["data-status"] == "interrupted":
            article.attributes["data-status"] = "inProgress"
            status = article.first("status")
            status.attributes["class"], status.children = "fact status", ["running"]

    def _head(self, told: dict[str, Any]) -> None:
        article = self._article(told)
        article.children[0] = parsed(told["html"])[0]
        article.attributes["data-status"] = told["status"]

    def _item(self, told: dict[str, Any]) -> None:
        self._runs(told)
        article, made = self._article(told), list(parsed(told["html"]))
        items = article.elements[-1].children
        number = max(int(article.attributes["data-items"]), told["number"] + 1)
        article.attributes["data-items"] = str(number)
        last = items[-1] if items else None
        if told["replaces"] is not None:
            at = [
                n
                for n, each in enumerate(items)
                if isinstance(each, Node) and each.attributes.get("data-item") == told["replaces"]
            ]
            items[at[0] : at[0] + 1] = made
        elif told["more"] and isinstance(last, Node) and last.has("reasoning"):
            items[-1:] = made
        else:
            items += made

    def _article(self, told: dict[str, Any]) -> Node:
        names = [each.attributes["data-turn"] for each in self._shown]
        return self._shown[len(names) - 1 - names[::-1].index(told["turn"])]
