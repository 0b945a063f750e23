"""Plans and applies syncs: what leaves the lake, exactly, and to nobody who opted out."""
