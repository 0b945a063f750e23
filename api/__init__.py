"""The profile API: HTTP answers about one person, from the real-time store."""
