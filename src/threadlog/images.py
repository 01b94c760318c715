"""Images that a user shows: as URLs, or read from files of this machine."""

from __future__ import annotations

import base64
import mimetypes
import os
from typing import NamedTuple

from threadlog.errors import Unreadable

Image = str | os.PathLike[str]

IMAGE_LIMIT_BYTES = 20 << 20
_URLS = ("https://", "http://", "data:")


class ReadImage(NamedTuple):
    """An image as a model is sent it, by URL, and the path it was read from, if from a file."""

    url: str
    path: str | None = None


def read_image(image: Image) -> ReadImage:
    """The image at a URL, which is left as it is, or in a file, which becomes a `data:` URL.

    Raises Unreadable if there is no such file, it is no image by its name, or is too large.
    """
    if isinstance(image, str) and image[:8].lower().startswith(_URLS):
        return ReadImage(image)
    path = os.path.abspath(os.fspath(image))
    kind = mimetypes.guess_type(path)[0] or ""
    if not kind.startswith("image/"):
        raise Unreadable(f"{path} is not named as an image: give a .png, .jpg, .gif or .webp")
    try:
        if not os.path.isfile(path):
            raise Unreadable(f"no image at {path}")
        with open(path, "rb") as file:
            data = file.read(IMAGE_LIMIT_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"cannot read {path}: {error.strerror}") from error
    if len(data) > IMAGE_LIMIT_BYTES:
        raise Unreadable(f"{path} is larger than {IMAGE_LIMIT_BYTES >> 20} MiB")
    return ReadImage(f"data:{kind};base64,{base64.b64encode(data).decode()}", path)
