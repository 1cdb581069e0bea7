"""fpack: declare an environment and resources per step, run the flow here or on AWS Batch.

This is what a flow file imports. It needs nothing but the standard library, so that it can be imported in
every step's environment.
"""

from fpack.flow.current import current
from fpack.flow.decorators import (
    catch,
    conda,
    conda_base,
    environment,
    pypi,
    pypi_base,
    resources,
    retry,
    step,
    timeout,
)
from fpack.flow.parameter import JSONType, Parameter
from fpack.flow.spec import FlowSpec

__version__ = "0.1.0"

__all__ = [
    "FlowSpec",
    "JSONType",
    "Parameter",
    "catch",
    "conda",
    "conda_base",
    "current",
    "environment",
    "pypi",
    "pypi_base",
    "resources",
    "retry",
    "step",
    "timeout",
]
