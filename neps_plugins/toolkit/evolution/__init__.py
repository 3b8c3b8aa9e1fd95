"""Children of configurations, in spaces of every kind. Begin with `SteadyState`, and with `offspring`."""
