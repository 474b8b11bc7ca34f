"""What a worker's environment gets on top: settings that libraries read when they are loaded, before any code of ours runs.

What somebody has set already is left as it is.
"""

import os
from collections.abc import Mapping

_SETTINGS = {
    # glibc gives large blocks back at once and fetches them anew in each step, a page fault for every 4 KB: a fifth of a step of
    # GPT-2 on a CPU goes into that. Kept, they are there for the next step, and go when the worker ends.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**46),
    "MALLOC_ARENA_MAX": "1",  # one heap: what one thread gives back another may take
    # oneDNN keeps a program for each shape it has met, a third of a megabyte each.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",
    # A thread that waits for another looks for half a millisecond whether it is there before it sleeps: waking is a tenth of a step
    # of GPT-2. With OpenMP's own 16 ms training beside other work takes twice as long (benchmarks.waiting_threads).
    "GOMP_SPINCOUNT": "10000",
}


def worker_environment(own: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a worker whose slot brings `own`."""
    return {**_SETTINGS, **environment, **own}
