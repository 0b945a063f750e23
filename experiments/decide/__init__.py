"""Decisions: which variant of each slot one person sees now, and why."""
