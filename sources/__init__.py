"""Lands every record of every source verbatim in raw.*; nothing is judged or lost here."""
