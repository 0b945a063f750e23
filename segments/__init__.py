"""Segments: their language, definitions, evaluation, memberships and answers about them."""
