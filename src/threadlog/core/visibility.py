"""What Codex's own thread list does with a thread, and why.

Nothing here hides a thread from ours.  The rules are those of Codex 0.169's default list, as
observed: it looks at a rollout's place and name, at the head of the file, then at its source; and
at the provider, which a query knows.
"""

from __future__ import annotations

from threadlog.core.metadata import Metadata, source_label

INTERACTIVE = ("cli", "vscode")
DEFAULT_PROVIDER = "openai"  # where its config names none

OUT_OF_PLACE = "its rollout lies in a folder, or has a name, that Codex's list passes over"
NO_METADATA = "its rollout does not begin with session metadata"
NO_MESSAGE = "it holds no message of the user's and no goal"


def codex_hides(metadata: Metadata, *, in_place: bool) -> str | None:
    """Why Codex's default list leaves a thread out whatever the provider; None if it shows it.

    *metadata* has the first message that the thread inherits, if it does; *in_place* says that the
    rollout's folder and name are of the usual form.
    """
    if not in_place:
        return OUT_OF_PLACE
    if metadata.thread_id is None and not metadata.lacks:
        return NO_METADATA
    if metadata.lacks:
        return f"its session metadata lacks {', '.join(metadata.lacks)}"
    if not (metadata.preview or metadata.goal):
        return NO_MESSAGE
    source = source_label(metadata.source)
    if source not in INTERACTIVE:
        return f"its source is {source}: Codex lists {' and '.join(INTERACTIVE)} unless asked"
    return None
