"""python -m tests.chaos --kills 100 [--evaluations 20] [--seed N]: real runs killed at random moments, and others stopped and
killed inside long evaluations; exits with 0 unless something was broken.

python -m tests.chaos --storm: eight writers of 5,000 points/s in all, and four readers beside them.
python -m tests.chaos --memory: a run under a real limit of memory, ended by the kernel; needs the right to make a cgroup.
"""

import argparse
import json
import os
import random
import secrets
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.chaos.evaluations import GRACE_SECONDS, STRIKES, stop_and_kill_in_evaluations, together
from tests.chaos.kernel import CONFIG, killed_by_the_kernel
from tests.chaos.kills import Damage, end_all, kill_and_resume, open_folder
from tests.chaos.storm import storm


def tell(line: str) -> None:
    """Says what was done just now."""
    print(line, flush=True)


def main() -> int:
    """Prints what was done and what was broken."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--evaluations", type=int, default=20, help="how many evaluations are stopped or killed")
    parser.add_argument("--seed", type=int, help="draws the same moments again")
    parser.add_argument("--storm", action="store_true", help="many writers at once, in place of kills")
    parser.add_argument("--memory", action="store_true", help="the kernel's own kill for want of memory, in place of kills")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
    with tempfile.TemporaryDirectory(prefix="descent-chaos-") as folder:
        store = open_folder(Path(folder) / "store")
        try:
            if options.memory:
                told = killed_by_the_kernel(store)
                whole = told["state"] == "finished" and bool(told["batches"]) and told["steps"] == CONFIG.max_steps
            elif options.storm:
                told = storm(store)
                whole = not told["points_lost"] and not told["launches_lost"] and not told["lock_errors"]
            else:
                print(f"seed {seed}", flush=True)
                damage = kill_and_resume(store, options.kills, seed, tell) if options.kills else Damage()
                if options.evaluations:
                    end_all(store)  # its supervisor has another grace
                    strikes = random.Random(seed).choices(STRIKES, k=options.evaluations)
                    os.environ["DESCENT_GRACE_SECONDS"] = str(GRACE_SECONDS)
                    damage = together(damage, stop_and_kill_in_evaluations(store, strikes, seed, tell))
                told, whole = asdict(damage) | {"seed": seed}, damage.is_none
        finally:
            end_all(store)
    for name, value in told.items():
        print(f"{name:18} {value}")
    print(json.dumps({"chaos": "memory" if options.memory else "storm" if options.storm else "kills", **told, "holds": whole}))
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
