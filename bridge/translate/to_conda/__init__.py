"""Wheels to conda packages: pure planning."""
