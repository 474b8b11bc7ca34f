"""Models from scratch and from folders, and the sentence for each folder or id that will not do."""

import pickle
import time
from pathlib import Path

import pytest
import torch

from tests.conftest import shared_data
from tests.tiny_texts import Kind, save_model, tiny, write_reviews
from trainer_core.data import load_texts
from trainer_core.errors import ConfigError, ModelError
from trainer_core.tasks.preparing import prepare_task
from trainer_core.tasks.text_models import build_small_gpt, load_model, load_tokenizer, longest_text, train_tokenizer
from trainer_core.tasks.tokens import tokenizer_digest

TEXTS = ["The plot was dull.", "I found the cast charming, 好 😀."]


def test_the_tokenizer_learnt_from_texts_is_the_same_each_time_and_loses_nothing() -> None:
    first, second = train_tokenizer(TEXTS, 300), train_tokenizer(TEXTS, 300)
    assert tokenizer_digest(first) == tokenizer_digest(second) != tokenizer_digest(train_tokenizer(TEXTS[:1], 300))
    for text in (*TEXTS, "naïve 未见过 🎬"):
        assert first.decode(first(text)["input_ids"]).strip() == text


@pytest.mark.parametrize("classes", [None, 3])
def test_a_small_gpt_has_the_settings_sizes_and_reads_max_length(classes: int | None) -> None:
    config = tiny(Path("none"), width=24, layers=3, heads=4, max_length=10, dropout=0.25)
    tokenizer = train_tokenizer(TEXTS, 300)
    model = build_small_gpt(config, tokenizer, classes)
    shape = model.config
    assert (shape.n_embd, shape.n_layer, shape.n_head, shape.resid_pdrop, shape.attn_pdrop) == (24, 3, 4, 0.25, 0.25)
    logits = model(input_ids=torch.zeros(1, 10, dtype=torch.int64)).logits
    assert logits.shape == ((1, 10, len(tokenizer)) if classes is None else (1, 3))


def test_a_trained_model_is_read_from_its_folder() -> None:
    folder = str(shared_data("models/stories260K"))
    tokenizer = load_tokenizer(folder, writes=True)
    model = load_model(folder, tokenizer)
    assert sum(parameter.numel() for parameter in model.parameters()) < 300_000
    assert load_model(folder, tokenizer, 2).score.weight.shape[0] == 2
    assert longest_text(model) == 512
    assert tokenizer.pad_token is not None


def test_a_classifier_of_other_classes_gets_a_new_head(tmp_path: Path) -> None:
    folder = str(save_model("bert", tmp_path / "bert"))
    tokenizer = load_tokenizer(folder, writes=False)
    load_model(folder, tokenizer, 5).save_pretrained(tmp_path / "bert")
    assert load_model(folder, tokenizer, 2, ("bad", "good")).config.id2label == {0: "bad", 1: "good"}


class _Danger:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path(self.path),)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
@pytest.mark.parametrize("classes", [None, 2])
def test_weights_that_are_a_pickle_are_refused_and_never_opened(tmp_path: Path, name: str, classes: int | None) -> None:
    folder = save_model("gpt2", tmp_path / "gpt2", weights=False)
    (folder / name).write_bytes(pickle.dumps(_Danger(str(tmp_path / "ran"))))
    tokenizer = load_tokenizer(str(folder), writes=True)
    with pytest.raises(ModelError, match=rf"no safetensors weights \(.*{name}.*never are\. Convert it"):
        load_model(str(folder), tokenizer, classes)
    assert not (tmp_path / "ran").exists()


def test_safetensors_cut_short_are_refused(tmp_path: Path) -> None:
    folder = save_model("gpt2", tmp_path / "gpt2")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="no safetensors weights"):
        load_model(str(folder), load_tokenizer(str(folder), writes=True))


def test_an_encoder_can_t_write_a_label(tmp_path: Path) -> None:
    folder = save_model("bert", tmp_path / "bert")
    with pytest.raises(ModelError, match="no end-of-text token"):
        load_tokenizer(str(folder), writes=True)
    tokenizer = load_tokenizer(str(folder), writes=False)
    with pytest.raises(ModelError, match=r"reads a text from both sides.*sequence_classification"):
        load_model(str(folder), tokenizer)


def test_a_model_without_such_a_head_is_named(tmp_path: Path) -> None:
    import transformers

    shape = transformers.ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    transformers.ViTModel(shape).save_pretrained(tmp_path / "vit")
    tokenizer = load_tokenizer(str(save_model("gpt2", tmp_path / "gpt2")), writes=True)
    for classes, head in ((None, "a language model"), (2, "a text classifier")):
        with pytest.raises(ModelError, match=rf"can't be loaded as {head}: .*Choose a model whose architecture has that head"):
            load_model(str(tmp_path / "vit"), tokenizer, classes)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_a_model_without_a_tokenizer_is_refused(tmp_path: Path, kind: Kind) -> None:
    folder = save_model(kind, tmp_path / kind)
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ModelError, match=r"tokenizer.*Choose a model"):
        load_tokenizer(str(folder), writes=kind != "bert")


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("/no/such/model", "There is no model folder"),
        ("a/b/c", "There is no model folder"),
        (".", r"holds no model: it has no config\.json"),
    ],
)
def test_a_folder_that_holds_no_model_is_named(source: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=wanted):
        load_tokenizer(source, writes=True)


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model("gpt2", tmp_path / "gpt2")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_model("~/gpt2", load_tokenizer("~/gpt2", writes=True)).config.n_layer == 2


def test_without_a_network_a_hub_id_fails_within_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # this port refuses, as a machine without a network does
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    load_tokenizer_started = time.monotonic()
    with pytest.raises(ModelError, match=r"can't be reached.*--model FOLDER"):
        load_tokenizer("descent-tests/no-such-model", writes=True)
    assert time.monotonic() - load_tokenizer_started < 5


@pytest.mark.parametrize("task", ["label_token", "sequence_classification"])
def test_a_max_length_above_the_model_s_is_refused_with_the_limit(tmp_path: Path, task: str) -> None:
    config = tiny(write_reviews(tmp_path / "reviews"), task=task, model=str(save_model("gpt2", tmp_path / "gpt2")), max_length=65)
    with pytest.raises(ConfigError, match="reads 64 tokens at the most"):
        prepare_task(config, load_texts(config), tmp_path)


def test_roberta_s_positions_begin_behind_the_padding_s() -> None:
    import transformers

    shape = transformers.RobertaConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, max_position_embeddings=20
    )
    model = transformers.RobertaForSequenceClassification(shape).eval()
    assert longest_text(model) == 18
    ids = torch.full((1, 18), 7)
    assert model(input_ids=ids).logits.shape == (1, 2)
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, 19), 7))
