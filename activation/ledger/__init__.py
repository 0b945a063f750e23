"""The ledger: what was meant to be sent, what was, and what every destination holds."""
