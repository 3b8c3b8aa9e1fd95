"""Search spaces: what can be searched, and how a configuration is decided."""
