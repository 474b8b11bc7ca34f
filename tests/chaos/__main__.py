"""python -m tests.chaos --kills 100 [--seed N]: real runs killed at random moments; exits with 0 unless something was broken.

python -m tests.chaos --storm: four writers of 25,000 points each and readers beside them.
"""

import argparse
import json
import os
import secrets
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.chaos.kills import end_all, kill_and_resume, open_folder
from tests.chaos.storm import storm


def main() -> int:
    """Prints what was done and what was broken."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, help="draws the same moments again")
    parser.add_argument("--storm", action="store_true", help="many writers at once, in place of kills")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
    with tempfile.TemporaryDirectory(prefix="descent-chaos-") as folder:
        store = open_folder(Path(folder) / "store")
        try:
            if options.storm:
                told = storm(store)
                whole = not told["points_lost"] and not told["lock_errors"]
            else:
                print(f"seed {seed}", flush=True)
                damage = kill_and_resume(store, options.kills, seed, lambda line: print(line, flush=True))
                told, whole = asdict(damage) | {"seed": seed}, damage.is_none
        finally:
            end_all(store)
    for name, value in told.items():
        print(f"{name:18} {value}")
    print(json.dumps({"chaos": "storm" if options.storm else "kills", **told, "holds": whole}))
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
