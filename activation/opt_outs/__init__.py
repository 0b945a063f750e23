"""One file per tool that opt-outs are read back from."""
