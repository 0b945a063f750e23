"""How good a fitted model is, the reasons for its scores, and how far the data have drifted."""
