"""Conda's words and the wheel's words for the same things: names, versions, requirements, tags. Pure."""
