"""Access tokens of tools that sign in by OAuth: fetched, kept for every process, and refreshed."""
