"""Settings in YAML files."""

from neps_plugins.configs import load_and_merge_yamls as load_and_merge_yamls
