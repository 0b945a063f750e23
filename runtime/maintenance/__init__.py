"""Keeps a home from growing: what no policy, erasure or job needs any more is removed."""
