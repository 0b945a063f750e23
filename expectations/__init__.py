"""Great Expectations suites and the gates that stop what is behind them."""
