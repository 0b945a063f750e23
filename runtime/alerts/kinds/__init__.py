"""One file per kind of incident, each with a KIND."""
