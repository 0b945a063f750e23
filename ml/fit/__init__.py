"""From features to a fitted model: pipelines, candidates, their search, groups."""
