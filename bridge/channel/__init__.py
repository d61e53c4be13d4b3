"""Channels of conda packages and the Simple index of wheels: reading, solving, writing pages."""
