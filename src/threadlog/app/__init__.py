"""Codex's app-server over a home: JSON-RPC with its names, codes and sentences."""
