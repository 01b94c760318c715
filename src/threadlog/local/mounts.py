"""Whether a folder lies on a network file system, where SQLite's shared memory does not work."""

from __future__ import annotations

import os

_NETWORK = frozenset(
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "ncpfs", "lustre"]
)
_FUSE = ("fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.glusterfs", "fuse.davfs")
_MOUNTS = "/proc/self/mountinfo"


def is_network(folder: str) -> bool:
    """True if the system says so (Linux tells; elsewhere nothing is known)."""
    try:
        with open(_MOUNTS, "rb") as file:
            mounts = file.read().decode(errors="surrogateescape")
    except OSError:
        return False
    kind = file_system(os.path.realpath(folder), mounts)
    return kind in _NETWORK or kind.startswith(_FUSE)


def file_system(path: str, mounts: str) -> str:
    """The type of the file system that *path* lies on, by the text of mountinfo; "" if unknown."""
    best, kind = "", ""
    for line in mounts.splitlines():
        place, _, about = line.partition(" - ")
        fields = place.split(" ")
        if len(fields) < 5 or not about:
            continue
        point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, about.split(" ")[0]
    return kind
