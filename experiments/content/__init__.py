"""Content: slots, their variants as templates, and which segment gets which variant."""
