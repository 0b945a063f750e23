"""What a change of the definitions would do: two versions of them, compared on one lake."""
