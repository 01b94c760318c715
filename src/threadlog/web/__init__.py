"""The web viewer: threads in a browser on the same machine."""
