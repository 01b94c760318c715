"""The command line: speaks to people, decides nothing."""
