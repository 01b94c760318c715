"""What concerns a Codex that lives in the same home: its name file and its writer locks."""
