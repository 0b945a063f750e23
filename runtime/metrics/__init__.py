"""Numbers for Prometheus, read from the lake and from the ledger at each scrape."""
