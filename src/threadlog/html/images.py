"""Images that a thread holds: PNG, JPEG, GIF and WebP by what they are, and no other.

What an image is called does not count, only how its data begins.  An SVG is a document that can do
things, and no image here; nothing is loaded from elsewhere.
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

from threadlog.core.lines import Json
from threadlog.core.text import count_text
from threadlog.html.looks import Pen
from threadlog.html.markup import Html, joined, tag
from threadlog.html.texts import link

# Characters of base64; larger ones are told of.
LIMIT_CHARS = 16 << 20
# Larger ones are not loaded with a page, but by a link; of one output so many are shown.
SHOWN_CHARS = 3 << 20
OF_AN_OUTPUT = 20
_DATA = re.compile(r"data:[\w.+/-]{0,100}(?:;[\w=.+-]{1,60}){0,4};base64,", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")


class Image(NamedTuple):
    """An image: its kind, such as `image/png`, and its data in base64."""

    kind: str
    data: str


def image_of(url: str) -> Image | None:
    """The image that a `data:` address, or bare base64, holds; None for everything else."""
    found = _DATA.match(url[:500])
    data = url[found.end() :] if found else url
    if len(data) > LIMIT_CHARS or not _BASE64.match(data[:64]):
        return None
    kind = _kind(data)
    if kind is None or not _BASE64.fullmatch(data):
        return None
    return Image(kind, data)


def _kind(data: str) -> str | None:
    try:
        head = binascii.a2b_base64(data[:16])
    except binascii.Error:
        return None
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    is_webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return "image/webp" if is_webp else None


def shown(pen: Pen, url: str, alt: str = "") -> Html:
    """An image by its address; what cannot be shown is told in words."""
    image = image_of(url)
    if image is None:
        return _told(url, alt)
    said = alt or f"image, {image.kind[6:].upper()}"
    size = f"{count_text(len(image.data) * 3 // 4)}B"
    where = pen.part(image.data, image.kind)
    is_large = len(image.data) > SHOWN_CHARS and not pen.look.whole
    if where is not None and is_large:
        return tag(
            "p", tag("a", f"show {said}, {size}", href=where, target="_blank"), class_="more"
        )
    src = f"data:{image.kind};base64,{image.data}" if pen.look.inline else where
    if src is None or is_large:
        return tag("p", f"[{said}, {size}]", class_="note")
    picture = tag("img", src=src, alt=said, loading="lazy", decoding="async")
    opens = tag("a", picture, href=where, target="_blank") if where else picture
    return tag("figure", opens, class_="image")


def in_line(pen: Pen, url: str, alt: str, *, linking: bool) -> Html:
    """An image among words; without *linking* it stands within a link, and is none itself."""
    image = image_of(url)
    if image is None:
        return tag("span", *_words_of(url, alt, linking=linking), class_="note")
    said = alt or f"image, {image.kind[6:].upper()}"
    where = pen.part(image.data, image.kind)
    is_large = len(image.data) > SHOWN_CHARS and not pen.look.whole
    src = f"data:{image.kind};base64,{image.data}" if pen.look.inline else where
    if src is None or is_large:
        shown: Html | str = f"[{said}, {count_text(len(image.data) * 3 // 4)}B]"
    else:
        shown = tag("img", src=src, alt=said, loading="lazy", decoding="async")
    opens = where is not None and linking
    return tag("a", shown, href=where, target="_blank") if opens else tag("span", shown)


def _told(url: str, alt: str) -> Html:
    return tag("p", *_words_of(url, alt, linking=True), class_="note")


def _words_of(url: str, alt: str, *, linking: bool) -> list[str]:
    if url.startswith("data:"):
        kind = url[len("data:") : 120].partition(",")[0].partition(";")[0]
        size = count_text(max(len(url) - 22, 0) * 3 // 4)
        said = " ".join(filter(None, ["image", alt, kind, f"{size}B"]))
        return [f"[{said}, not shown]"]
    name = " ".join(filter(None, ["image", alt]))
    return ["[", link(url[:2000], name) if linking else name, "]"]


def in_output(pen: Pen, output: Json) -> Html:
    """The images in what a tool answered."""
    if isinstance(output, dict):
        output = output.get("content")
    parts = output if isinstance(output, (list, tuple)) else ()
    urls = [url for part in parts if isinstance(part, dict) and (url := _url(part))]
    more = len(urls) - OF_AN_OUTPUT
    told = tag("p", f"[{more} more images]", class_="note") if more > 0 else None
    return joined([*(shown(pen, url) for url in urls[:OF_AN_OUTPUT]), told])


def _url(part: dict[str, Json]) -> str | None:
    """Where the image of a piece of content lies, if it is one."""
    if "image" not in str(part.get("type")).lower():
        return None
    url = next(
        (part[name] for name in ("image_url", "imageUrl", "data", "url") if name in part), None
    )
    if isinstance(url, dict):
        url = url.get("url")
    return url if isinstance(url, str) else None
