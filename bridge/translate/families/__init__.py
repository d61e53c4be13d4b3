"""Builds of one release as one family of variant wheels (PEP 825): pure planning, no file is read or written."""
