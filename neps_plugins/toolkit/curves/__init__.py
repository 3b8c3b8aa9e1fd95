"""Learning curves: what they may look like, what a run's are, and what they will come to. Begin with `surrogate`."""
