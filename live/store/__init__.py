"""The real-time store: what a person is now, by identifier, for who cannot wait for the lake."""
