"""What becomes of an operation."""

from neps_plugins.spaces.pipeline.operations import convert_operation_to_callable as convert_operation_to_callable
