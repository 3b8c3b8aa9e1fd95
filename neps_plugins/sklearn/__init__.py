"""scikit-learn's estimators, searched: `neps.sklearn` is the face of it."""
