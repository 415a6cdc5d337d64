"""The dialects, one row each."""

from edge_proxy.dialects import native
from edge_proxy.dialects.base import Dialect

DIALECTS: dict[str, Dialect] = {"native": native}
