"""Sends the rows of one sync: batches, requests, jobs, whole files, and what a kill left open."""
