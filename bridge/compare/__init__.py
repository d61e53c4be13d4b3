"""What differs between two artifacts, and whether it matters; `bridge.compare.compare.compare` is the way in."""
