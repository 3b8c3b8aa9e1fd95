"""When two configurations are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from neps_core.spaces.protocol import Config, SearchSpace
from neps_core.spaces.sources import replay


def canonical(space: SearchSpace, config: Mapping[str, Any]) -> Config:
    """The one form of a configuration: decisions in the order of the walk, of their domains' types.

    Raises:
        ConfigError: If it is no configuration of the space.
    """
    return replay(space, config).config


def config_hash(config: Mapping[str, Any]) -> str:
    """A hash of a configuration's decisions, the same in every process; whatever their order.

    Args:
        config: In canonical form: 1, 1.0 and True are different decisions.

    Returns:
        32 hexadecimal digits.
    """
    text = json.dumps(dict(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
