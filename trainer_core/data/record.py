"""A saved dataset's record: where it came from, how it was read, what was done to it. Runs refer to it as `NAME@VERSION`.

The examples of a version are one table, `examples.parquet` beside the record: columns `split` (train, validation or test), `row`
(its number in the source, from 0, train first: it stays with the example), `text` or `image` (PNG bytes), `pair` where a row is
two texts, `label` (as it was written; a number for regression; missing for language modelling), then the source's other columns.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

Format = Literal["csv", "json", "parquet", "text_folders", "picture_folders", "idx", "hub", "built_in"]
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True)
class Reading:
    """How a source is read: guessed at first, corrected by people, then kept. What does not apply stays empty.

    `split_column` holds the names of splits; `picture_size` is the side in pixels to which pictures are scaled.
    """

    format: Format
    task: str
    text_column: str = ""
    pair_column: str = ""
    label_column: str = ""
    split_column: str = ""
    encoding: str = "utf-8"
    delimiter: str = ","
    header: bool = True
    configuration: str = ""
    revision: str = ""
    split: str = ""
    picture_size: int = 0
    missing_labels: Literal["auto", "missing", "class"] = "auto"
    """What a label such as None stands for, see `labels`."""


@dataclass(frozen=True)
class Step:
    """One thing that was done to the examples: the name of a function in `steps`, what it was told, and the rows it left."""

    do: str
    options: Mapping[str, Any] = field(default_factory=dict)
    rows_before: int = 0
    rows_after: int = 0


@dataclass(frozen=True)
class Record:
    """One version of a saved dataset. `digest` is of its examples, `source_digest` of what they were read from."""

    name: str
    version: int
    parent: int | None
    created: float
    """Seconds since 1970."""
    source: str
    source_digest: str
    reading: Reading
    steps: tuple[Step, ...]
    digest: str
    rows: Mapping[str, int]
    """By split."""
    label_names: tuple[str, ...]
    labels_decided: bool = False
    """Whether the examples' labels are these names, letter by letter: not so in versions saved before there was `labels`."""

    @property
    def reference(self) -> str:
        """What the setting `dataset` says: `my-reviews@2`."""
        return f"{self.name}@{self.version}"

    @property
    def pictures(self) -> bool:
        """Whether its examples are pictures; otherwise they are texts."""
        return self.reading.format in ("picture_folders", "idx") or self.reading.task == "image_classification"

    def to_json(self) -> dict[str, Any]:
        """For record.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Record":
        """Reads what `to_json` gave; fields that no longer exist are left out, so that old records open.

        Raises KeyError, TypeError or ValueError for anything else.
        """
        known = {part.name for part in fields(Reading)}
        reading = Reading(**{name: value for name, value in stored["reading"].items() if name in known})
        steps = tuple(Step(**step) for step in stored["steps"])
        rest = {part.name: stored[part.name] for part in fields(cls) if part.name not in ("reading", "steps", "labels_decided")}
        rest["labels_decided"] = bool(stored.get("labels_decided", False))
        return cls(**{**rest, "reading": reading, "steps": steps, "label_names": tuple(stored["label_names"])})
