"""What trains here, in words, found without torch: NVIDIA's driver library is asked, else the processor is counted."""

import ctypes
import os
from functools import lru_cache

from trainer_core.language import gettext as _
from trainer_core.language import ngettext

_LIBRARY = "libnvidia-ml.so.1"


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def device_words() -> str:
    """`NVIDIA H200, 139 GiB` or `2 CPU cores`. Asked once a process: hardware doesn't change under it."""
    gpus = nvidia_gpus()
    if gpus:
        name, size = gpus[0]
        words = _("{name}, {size:.0f} GiB").format(name=name, size=size / 2**30)
        return words if len(gpus) == 1 else _("{count} × {gpu}").format(count=len(gpus), gpu=words)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ngettext("{cores} CPU core", "{cores} CPU cores", cores).format(cores=cores)


@lru_cache(maxsize=4)
def nvidia_gpus(library: str = _LIBRARY) -> list[tuple[str, int]]:
    """Name and memory in bytes of each NVIDIA GPU; empty where there is no driver."""
    try:
        nvml = ctypes.CDLL(library)
    except OSError:
        return []
    if nvml.nvmlInit_v2() != 0:
        return []
    try:
        count = ctypes.c_uint()
        if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return []
        gpus = []
        for index in range(count.value):
            handle, name, memory = ctypes.c_void_p(), ctypes.create_string_buffer(96), _Memory()
            if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle)) == 0:
                nvml.nvmlDeviceGetName(handle, name, ctypes.c_uint(len(name)))
                nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
                gpus.append((name.value.decode(errors="replace"), int(memory.total)))
        return gpus
    finally:
        nvml.nvmlShutdown()
