"""The words of the design as frozen values: artifacts, payload facts, plans, losses, outcomes."""
