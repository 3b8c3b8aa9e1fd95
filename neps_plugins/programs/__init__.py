"""Evaluations by programs that are no Python functions: a command line, and what the program prints or reports.

`Program` is what `neps.run` gets as `evaluate_pipeline`. The program is told of its configuration by its arguments, in
which `{name}` stands for a value, and by its environment (`reports` lists the names).
"""
