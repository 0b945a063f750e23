"""Recommends products: trending, bought or viewed together, and collaborative filtering."""
