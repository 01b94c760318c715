"""Threads kept as rollout files on this machine; whole without `codex`."""
