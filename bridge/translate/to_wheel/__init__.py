"""conda package -> wheel, as a plan."""
