"""The real Codex binary and threadlog over the same homes, offline."""
