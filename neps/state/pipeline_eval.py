"""What `evaluate_pipeline` may return as a dict."""

from neps_core.results import UserResultDict as UserResultDict
