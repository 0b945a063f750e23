"""Metrics, experiments, and the lift of syncs: what was done, and what it changed."""
