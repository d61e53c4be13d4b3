"""Readers and writers of artifact formats; each format is a package of its own and knows no other."""
