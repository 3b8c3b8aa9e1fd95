"""For trainings with PyTorch: a loop that goes on at the fidelity, and a callback for Lightning.

Importing this imports no PyTorch; using it does.
"""

from neps_plugins.torch.epochs import Epochs
from neps_plugins.torch.lightning import LightningCallback

__all__ = ["Epochs", "LightningCallback"]
