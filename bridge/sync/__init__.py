"""Whole channels and indexes, kept converted: sources, plans, a ledger of what was done, and what is published."""
