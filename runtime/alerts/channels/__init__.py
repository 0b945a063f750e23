"""One file per kind of channel, each with a CHANNEL."""
