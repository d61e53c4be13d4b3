"""Whole channels as an index from their repodata alone, whose files are converted when first asked for."""
