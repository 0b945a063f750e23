"""A shop that never was: its data as files, and the truth kept beside them."""
