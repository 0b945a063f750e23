"""The ledger: the requests, their outcomes, and the rows that each destination has."""
