"""A run keeps the rules that it was launched with, and one of before there were any keeps the first ones."""

import json
from pathlib import Path

from trainer_core.config import TrainConfig
from trainer_core.rules import NEWEST, RULES
from trainer_core.settings import SETTINGS, build_config, read_config, write_config
from trainer_core.tracking import tags
from trainer_core.tracking.records import RunRecord


def replace(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def test_settings_made_today_have_all_rules_and_nobody_is_asked_for_them() -> None:
    assert TrainConfig().rules == NEWEST == tuple(RULES)
    assert "rules" not in SETTINGS
    assert build_config(TrainConfig().model_dump()).rules == NEWEST


def test_stored_settings_keep_their_rules_and_those_of_before_have_none(tmp_path: Path) -> None:
    write_config(TrainConfig(rules=("labels",)), tmp_path / "new.json", replace)
    assert read_config(tmp_path / "new.json").rules == ("labels",)
    stored = json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))
    del stored["rules"]
    (tmp_path / "old.json").write_text(json.dumps(stored), encoding="utf-8")
    assert read_config(tmp_path / "old.json").rules == ()


def test_a_runs_record_gives_its_rules_back() -> None:
    for tag, rules in (({}, ()), ({tags.RULES: "labels other"}, ("labels", "other"))):
        config = RunRecord("a" * 32, "bold-heron-7", "finished", "descent", None, None, {"seed": "3"}, tag).config()
        assert config is not None
        assert (config.seed, config.rules) == (3, rules)
