"""Searches that are written in a file: `neps run search.yaml`.

`located` reads YAML and remembers the line of everything in it, `settings` makes of it what `neps.run` is called with,
`short` reads parameters from a command line, and `starter` is the file that `neps init` writes.
"""
