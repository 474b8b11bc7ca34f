"""What a launch says of a model's source, at once and without torch."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from trainer_core.config import TrainConfig
from trainer_core.errors import ModelError
from trainer_core.tasks.model_source import check_model, check_source, check_weights


def write_model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    save_file({"weight": np.zeros((2, 2), dtype=np.float32)}, folder / "model.safetensors")
    return folder


def config_of(model: object) -> TrainConfig:
    return TrainConfig(task="label_token", dataset="reviews", model=str(model))


def test_a_folder_with_safetensors_is_taken_and_torch_stays_away(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    code = (
        "import sys; from trainer_core.tasks.model_source import *\n"
        f"check_model(TrainConfig(task='label_token', dataset='reviews', model={str(folder)!r}))\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"


def test_models_built_here_need_no_source() -> None:
    check_model(TrainConfig())
    check_model(config_of("small_gpt"))


def test_a_pickle_is_refused_even_when_it_is_named_safetensors(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(pickle.dumps({"weight": [1.0] * 50}))
    with pytest.raises(ModelError, match="no safetensors weights"):
        check_model(config_of(folder))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"it has pytorch_model\.bin"):
        check_weights(folder)
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match="it has none"):
        check_weights(folder)


def test_a_truncated_file_of_weights_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-4])
    with pytest.raises(ModelError, match="no safetensors weights"):
        check_weights(folder)


@pytest.mark.parametrize(("text", "words"), [("", "can't be read"), ("[]", "no model type"), ("{}", "no model type")])
def test_a_config_that_names_no_model_is_said(tmp_path: Path, text: str, words: str) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelError, match=words):
        check_source(str(folder))


def test_a_folder_without_a_model_and_one_that_is_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        check_source(str(tmp_path))
    with pytest.raises(ModelError, match="no model folder"):
        check_source(str(tmp_path / "none"))


def test_a_hub_model_without_a_network_names_the_folder_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelError, match="--model FOLDER"):
        check_model(config_of("nobody/no-such-model"))
