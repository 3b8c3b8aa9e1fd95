"""Curves for TensorBoard: the same as `neps.tblogger`."""

from neps_plugins.compat import tblogger as tblogger
