"""The parts of a space."""

from neps_core.spaces.priors import ConfidenceLevel as ConfidenceLevel
from neps_plugins.spaces.pipeline.categorical import Categorical as Categorical
from neps_plugins.spaces.pipeline.operations import Operation as Operation
from neps_plugins.spaces.pipeline.operations import Repeated as Repeated
from neps_plugins.spaces.pipeline.parameters import Fidelity as Fidelity
from neps_plugins.spaces.pipeline.parameters import Float as Float
from neps_plugins.spaces.pipeline.parameters import FloatFidelity as FloatFidelity
from neps_plugins.spaces.pipeline.parameters import Integer as Integer
from neps_plugins.spaces.pipeline.parameters import IntegerFidelity as IntegerFidelity
from neps_plugins.spaces.pipeline.references import ByName as ByName
from neps_plugins.spaces.pipeline.references import Lazy as Lazy
from neps_plugins.spaces.pipeline.references import Resample as Resample
from neps_plugins.spaces.pipeline.space import PipelineSpace as PipelineSpace
