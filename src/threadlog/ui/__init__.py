"""Threads in a full-screen terminal program; needs the extra `ui` (docs/ui.md)."""
