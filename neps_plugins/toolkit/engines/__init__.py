"""Engines over a `concurrent.futures.Executor`: in threads of this process (`here`), or in other processes (`away`)."""
