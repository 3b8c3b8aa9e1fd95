"""Executors: engines that run evaluations elsewhere."""
