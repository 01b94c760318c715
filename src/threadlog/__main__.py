"""`python -m threadlog`."""

from threadlog.cli.main import run

run()
