"""The built-in plugins: each a module behind an entry point of `neps-framework`, like anybody's."""
