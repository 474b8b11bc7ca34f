"""A process that answers files lets training go first, in its own session alone."""

import subprocess
import sys

import pytest

TELL = """
import os
from pathlib import Path
group = Path("/proc/self/autogroup")
words = group.read_text().split() if group.exists() else []
print(os.nice(0), words[-1] if words else "none")
"""
GIVE_WAY = f"from trainer_core.inference.kept import give_way\ngive_way(7)\n{TELL}"


def in_a_session_of_its_own(code: str) -> tuple[int, str]:
    """The niceness of the process that runs `code`, and its session's where Linux shares out by session; else "none"."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, start_new_session=True)
    nice, of_session = done.stdout.split()
    return int(nice), of_session


@pytest.mark.parametrize("leads", [True, False])
def test_a_process_is_nice_and_so_is_its_session_where_it_leads_it(leads: bool) -> None:
    nice_before, of_session_before = in_a_session_of_its_own(TELL)
    within = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {GIVE_WAY!r}], check=True)"
    nice, of_session = in_a_session_of_its_own(GIVE_WAY if leads else within)
    assert nice == min(nice_before + 7, 19)
    assert of_session == ("7" if leads and of_session_before != "none" else of_session_before)
