"""Checks for authors of plugins; see `neps_core.testing`."""

from neps_core.simulation import Simulated, simulate
from neps_core.storage_check import check_storage
from neps_core.testing import check_optimizer, check_space, gallery

__all__ = ["Simulated", "check_optimizer", "check_space", "check_storage", "gallery", "simulate"]
