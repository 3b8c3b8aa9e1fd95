"""The commands of `neps`."""
