"""A process that answers files lets training go first, in its own session alone."""

import subprocess
import sys
from pathlib import Path

import pytest

GIVE_WAY = """
import os
from pathlib import Path
from trainer_core.inference.kept import give_way
give_way(7)
group = Path("/proc/self/autogroup")
print(os.nice(0), group.read_text().split()[-1] if group.exists() else "none")
"""


@pytest.mark.parametrize("own_session", [True, False])
def test_a_process_is_nice_and_so_is_its_session_where_it_leads_it(own_session: bool) -> None:
    group = Path("/proc/self/autogroup")
    before = group.read_text().split()[-1] if group.exists() else "none"
    # A session of the test's own, so that nothing it does reaches whoever runs the tests.
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            GIVE_WAY if own_session else f"import subprocess, sys; subprocess.run([sys.executable, '-c', {GIVE_WAY!r}])",
        ],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    nice, of_session = done.stdout.split()
    assert int(nice) >= 7
    assert of_session == ("none" if before == "none" else "7" if own_session else "0")
