"""HTML of a thread's head and turns: values in, text out; no page, no server, no files.

`turns.turn` makes a turn, `head.head` the head of a thread, `looks.Look` says how; the stylesheet
that goes with them is `styles.stylesheet()`.
"""
