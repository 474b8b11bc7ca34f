"""What a tool is: a Python function that a chat model may call, and the JSON schema that tells the model how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Found:
    """What a call gave: records for the model to answer from, and a sentence for people, empty where all is as asked."""

    records: tuple[Mapping[str, Any], ...]
    note: str = ""


@dataclass(frozen=True)
class Tool:
    """`parameters` is a JSON schema of an object; `run` takes the dataset that a model learnt from, where the tool finds what it
    works on, and the arguments. It raises DataError where they are missing or can't be understood."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    run: Callable[[str, Mapping[str, Any]], Found]

    def schema(self) -> dict[str, Any]:
        """The tool as chat templates and OpenAI's interface take it."""
        told = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": told}
