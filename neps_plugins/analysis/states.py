"""The states of trials as small numbers."""

from __future__ import annotations

from neps_core import State

#: The states, by their code.
STATES = tuple(State)

#: The code of each state.
CODES = {state: code for code, state in enumerate(STATES)}

SUCCESS = CODES[State.SUCCESS]

#: The codes of what an evaluation came to.
EVALUATED = (SUCCESS, CODES[State.FAILED], CODES[State.CRASHED])

#: The codes of what went wrong.
WRONG = (CODES[State.FAILED], CODES[State.CRASHED], CODES[State.CORRUPTED])

PENDING = CODES[State.PENDING]
EVALUATING = CODES[State.EVALUATING]
