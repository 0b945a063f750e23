"""How good a fitted model is, why it says what it says, and how far the world has moved."""
