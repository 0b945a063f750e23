"""One trainer per kind of model: from a spec to a champion and its scores."""
