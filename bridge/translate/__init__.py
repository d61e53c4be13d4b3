"""Pure planning: artifact metadata and payload facts in, a plan out."""
