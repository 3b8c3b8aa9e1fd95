"""Optimizers: what one is, how they are registered, chosen and asked."""
