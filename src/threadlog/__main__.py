"""`python -m threadlog`."""

from threadlog.cli.main import main

raise SystemExit(main())
