"""Searches for scikit-learn's estimators: `SearchCV`, and `suggest_space`, which says what is worth searching."""

try:
    import sklearn as _sklearn
except ImportError:
    raise ImportError("neps.sklearn needs scikit-learn: install neps-framework[sklearn].") from None

from neps_plugins.sklearn.search import SearchCV as SearchCV
from neps_plugins.sklearn.suggest import suggest_space as suggest_space

__all__ = ["SearchCV", "suggest_space"]
