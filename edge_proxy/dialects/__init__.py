"""The dialects, one row each."""

from edge_proxy.dialects import ask, json_lines, native
from edge_proxy.dialects.base import Dialect

DIALECTS: dict[str, Dialect] = {"native": native, "json_lines": json_lines, "ask": ask}
"""Those that are the same for every request. OpenAI's is made for each: its chunks repeat what was asked for."""
