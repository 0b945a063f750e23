"""Erasure of a person from every store of a home, and the export of all that is known of them."""
