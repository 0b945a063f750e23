"""How a person is deleted, one file per destination."""
