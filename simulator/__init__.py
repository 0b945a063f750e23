"""A simulated shop: its data as files, and the truth kept next to them."""
