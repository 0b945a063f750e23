"""What a model learns from: features of the lake, or a table of your own."""
