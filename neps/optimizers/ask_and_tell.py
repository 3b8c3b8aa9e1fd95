"""An optimizer without a worker."""

from neps_core.ask_and_tell import AskAndTell as AskAndTell
