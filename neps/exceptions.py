"""The errors, where a script may import them from; the names that differ lead to ours."""

from neps_core.errors import ConfigError as TrialValidationError
from neps_core.errors import EvaluationError as WorkerRaiseError
from neps_core.errors import NePSError as NePSError
from neps_core.errors import StorageError as LockFailedError
from neps_core.errors import StorageError as WorkerFailedToGetPendingTrialsError
from neps_core.errors import TrialError as TrialAlreadyExistsError
from neps_core.errors import TrialError as TrialNotFoundError
