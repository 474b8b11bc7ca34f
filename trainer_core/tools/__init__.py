"""What a chat model may call. A tool is one file: a function, its JSON schema, and its line in the table below."""

from collections.abc import Mapping

from trainer_core.tools.hotel_search import SEARCH_HOTELS
from trainer_core.tools.tool import Found, Tool

TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in (SEARCH_HOTELS,)}

__all__ = ["TOOLS", "Found", "Tool"]
