"""Pages for people who run segments and syncs: read-only, from relations of the lake."""
