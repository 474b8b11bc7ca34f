"""What a worker's environment gets on top: settings that libraries read when they are loaded, before any code of ours runs.

What somebody has set already is left as it is.
"""

import os
from collections.abc import Mapping

_MEMORY = {
    # glibc gives large blocks back at once and fetches them anew in each step, a page fault for every 4 KB: a fifth of a step of
    # GPT-2 on a CPU goes into that. Kept, they are there for the next step, and go when the worker ends.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**46),
    # oneDNN keeps a program for each shape it has met, a third of a megabyte each.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",
}


def worker_environment(own: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a worker whose slot brings `own`."""
    return {**_MEMORY, **environment, **own}
