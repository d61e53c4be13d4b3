"""One policy for conda channels and Python indexes: which source may provide which name, and in which order."""
