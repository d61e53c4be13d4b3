"""Lock files: which package was taken from which source."""
