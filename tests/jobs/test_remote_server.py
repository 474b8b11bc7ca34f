"""Runs tracked by MLflow's own server: while it is down training goes on, and everything arrives when it is back."""

import pytest

from tests.jobs.conftest import Station
from tests.tracking_server import Server
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.errors import StoreError
from trainer_core.store import open_store
from trainer_core.tracking import read


def test_what_a_run_logs_while_its_server_is_down_arrives_when_it_is_back(
    quiet_station: Station, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = quiet_station
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    station.store = open_store(station.store.root)
    assert not station.store.is_local()
    station.start_supervisor()
    run_id = jobs.launch(station.store, TrainConfig(name="steps-150"))
    station.until_at_step(run_id, 5)
    station.until(lambda: len(read.metric_history(station.store, [run_id], ["train/loss"])) > 3)
    server.kill()
    with pytest.raises(StoreError, match=r"does not answer.*arrives when it is back"):
        read.list_runs(station.store)
    station.until_at_step(run_id, 150)  # training goes on, and ends
    station.until(lambda: station.job(run_id).state == "finished")
    assert not station.job(run_id).is_reported
    server.start()
    run = station.until_over(run_id)
    assert run.state == "finished"
    assert list(read.metric_history(station.store, [run_id], ["train/loss"])["step"]) == list(range(1, 151))
    assert run.metrics["eval/accuracy"] == 0.015
    # What a user does works over the server too.
    jobs.rename(station.store, run_id, "calm-owl-2")
    jobs.archive(station.store, run_id)
    assert [(other.name, other.archived) for other in read.list_runs(station.store, archived=True)] == [("calm-owl-2", True)]
    jobs.delete(station.store, run_id)
    assert [other.run_id for other in read.list_deleted(station.store)] == [run_id]
    jobs.undelete(station.store, run_id)
    assert read.find_run(station.store, "calm-owl-2").run_id == run_id
