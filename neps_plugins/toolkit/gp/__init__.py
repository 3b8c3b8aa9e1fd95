"""Gaussian processes, and Bayesian optimization with them. Begin with `bayesian`."""
