"""Successive halving, Hyperband and their kind: rungs, schedules, samplers. Begin with `optimizer`."""
