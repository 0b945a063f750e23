"""Takes events over HTTP in the form of the Segment tracking API and writes them to the inbox."""
