"""Writes scripts, bundles and models for a page: `python -m trainer_core.handing_in --store STORE --work FOLDER`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.work_process import Answer, Tell, do_one


def answer(store: Store, request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Writes the bundle of `request["run_id"]` into `request["folder"]`: `path`, and the script's text; with a `step` that
    checkpoint as a zip: `path`."""
    from trainer_core.data import load_data
    from trainer_core.handing_in.bundle import write_bundle
    from trainer_core.handing_in.script import config_of, write_script
    from trainer_core.tracking import read

    tell(0.1, _("Reading the run"))
    run = read.get_run(store, str(request["run_id"]))
    if "step" in request:
        from trainer_core.checkpoints import find_checkpoint
        from trainer_core.handing_in.model_zip import write_model_zip

        checkpoint = find_checkpoint(store, run.run_id, int(request["step"]))
        return {"path": str(write_model_zip(run, checkpoint, Path(str(request["folder"])), tell))}
    tell(0.3, _("Writing script, data and figures"))
    path = write_bundle(store, run, Path(str(request["folder"])))
    config = config_of(store, run)
    script = write_script(store, run, config, load_data(config, store.datasets))
    return {"path": str(path), "script": script}


def _load() -> Answer:
    return answer


if __name__ == "__main__":
    sys.exit(do_one("python -m trainer_core.handing_in", _load))
