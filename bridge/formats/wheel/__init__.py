"""Wheels: reading, writing and editing them (binary distribution format; nothing here knows of conda)."""
