"""Destinations that a file of config/destinations describes, without Python of their own."""
