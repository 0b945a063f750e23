"""Backups of a home, restores, and what follows a restore."""
