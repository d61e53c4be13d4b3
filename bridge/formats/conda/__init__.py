"""Conda packages: read strictly and as a stream; nothing that breaks a rule is skipped or repaired."""
