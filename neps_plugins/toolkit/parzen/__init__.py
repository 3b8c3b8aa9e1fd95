"""Parzen estimators: densities over configurations, for optimizers such as `tpe`. Begin with `mixture`."""
