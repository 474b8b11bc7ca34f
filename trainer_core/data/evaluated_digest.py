"""Which rows a run is measured on, as a digest: two runs whose digests differ were not measured on the same thing."""

import hashlib
from collections.abc import Sequence

from trainer_core.data.images import ImageSplit
from trainer_core.data.texts import TextSplit


def evaluated_digest(split: ImageSplit | TextSplit, names: Sequence[str]) -> str:
    """blake2 over the ids and labels of a split's rows, sorted, 16 hexadecimal digits.

    A class counts by its name in `names`, whatever its number is, a number to predict by its value; the rows' order counts
    nothing. An example's id covers what it says and its row in the source.
    """
    labels = [names[int(label)] if names else repr(float(label)) for label in split.labels]
    rows = sorted(f"{split.example_id(index)}\0{label}" for index, label in enumerate(labels))
    digest = hashlib.blake2b(digest_size=8)
    for row in rows:
        digest.update(row.encode(errors="surrogatepass") + b"\0\0")
    return digest.hexdigest()
