"""Children of configurations, in spaces of every kind. Begin with `offspring`."""
