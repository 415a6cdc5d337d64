"""The dialects, one row each."""

from edge_proxy.dialects import ask, json_lines, native, staged
from edge_proxy.dialects.base import Dialect

DIALECTS: dict[str, Dialect] = {"native": native, "json_lines": json_lines, "ask": ask, "staged": staged}
"""Those that are the same for every request. OpenAI's and the agent chat's are made for each: they repeat its words."""
