"""The course's format, held to tensors worked out by hand; and the choice of the tokens that stand for labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from tests.conftest import shared_data
from tests.tiny_texts import save_model, tiny
from trainer_core.errors import ModelError
from trainer_core.tasks.label_position import logits_at_ends, reads_packed
from trainer_core.tasks.label_token import LabelTokenDataset, add_label_tokens, prepare
from trainer_core.tasks.text_format import choose_label_tokens
from trainer_core.tasks.text_models import load_model, load_tokenizer
from trainer_core.tasks.tokens import Tokens, tokenise

END, PAD, BAD, GOOD = 9, 0, 70, 71
"""Tokens of the examples worked out below: 9 ends a text, 0 pads, 70 and 71 are the labels."""


def _dataset(
    texts: list[list[int]], labels: list[int], max_length: int, padding: str = "longest", packed: bool = False
) -> LabelTokenDataset:
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    tokens = Tokens(np.array([token for text in texts for token in text], dtype=np.int32), offsets)
    config = tiny(Path("none"), max_length=max_length, padding=padding)
    return LabelTokenDataset(tokens, np.array(labels, dtype=np.int64), [BAD, GOOD], END, PAD, config, (), packed)


def test_short_exactly_full_and_too_long_texts_keep_their_end_and_leave_room_for_the_label() -> None:
    short, full, long = [11, 12], [21, 22, 23, 24], [31, 32, 33, 34, 35, 36]
    batch = _dataset([short, full, long], [1, 0, 1], max_length=6).__getitems__([0, 1, 2])
    assert batch["input_ids"].tolist() == [[11, 12, END, PAD, PAD], [21, 22, 23, 24, END], [33, 34, 35, 36, END]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]]
    assert batch["ends"].tolist() == [2, 9, 14]
    assert batch["labels"].tolist() == [GOOD, BAD, GOOD]
    assert all(tensor.dtype == torch.int64 for tensor in batch.values())


def test_texts_end_to_end_have_positions_of_their_own() -> None:
    batch = _dataset([[11, 12], [21, 22, 23, 24], [31]], [1, 0, 1], max_length=6, packed=True).__getitems__([0, 1, 2])
    assert batch["input_ids"].tolist() == [[21, 22, 23, 24, END, 11, 12, END, 31, END, *[PAD] * 6]], "the longest first"
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 0, 1, *[0] * 6]]
    assert batch["ends"].tolist() == [7, 4, 9], "of the rows in their own order"
    assert batch["labels"].tolist() == [GOOD, BAD, GOOD]
    assert "attention_mask" not in batch


def test_longest_pads_to_the_batch_and_fixed_to_max_length() -> None:
    texts = [[11], [21, 22, 23]]
    assert _dataset(texts, [0, 1], 8).__getitems__([0])["input_ids"].tolist() == [[11, END]]
    assert _dataset(texts, [0, 1], 8).__getitems__([1, 0])["input_ids"].tolist() == [[21, 22, 23, END], [11, END, PAD, PAD]]
    fixed = _dataset(texts, [0, 1], 8, "fixed").__getitems__([0])
    assert fixed["input_ids"].tolist() == [[11, END, PAD, PAD, PAD, PAD, PAD, PAD]]
    assert fixed["attention_mask"].tolist() == [[1, 1, 0, 0, 0, 0, 0, 0]]


def test_padding_that_is_the_end_token_is_masked() -> None:
    tokens = Tokens(np.array([11, 21, 22], dtype=np.int32), np.array([0, 1, 3]))
    rows = LabelTokenDataset(tokens, np.array([0, 1]), [BAD, GOOD], END, END, tiny(Path("none"))).__getitems__([0, 1])
    assert rows["input_ids"].tolist() == [[11, END, END], [21, 22, END]]
    assert rows["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert rows["ends"].tolist() == [1, 5]


def test_a_max_length_of_two_leaves_the_end_and_the_label() -> None:
    assert _dataset([[11, 12, 13]], [1], max_length=2).__getitems__([0])["input_ids"].tolist() == [[END]]


def test_gpt2_reads_english_chinese_and_emoji_as_the_course_s_tokenizer_cuts_them() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(shared_data("tokenizers/gpt2")))
    end = tokenizer.eos_token_id
    assert end == 50256
    # Worked out with GPT-2's own vocabulary: “a fine film”; 好 is bytes E5 A5 BD, 😀 is F0 9F 98 80.
    texts = ["a fine film", "好", "😀"]
    tokens = tokenise(texts, tokenizer)
    assert [tokens[row].tolist() for row in range(3)] == [[64, 3734, 2646], [25001, 121], [47249, 222]]
    label_ids = choose_label_tokens(("neg", "pos"), lambda text: list(tokenizer(text)["input_ids"]))
    assert label_ids == [12480, 1930]
    dataset = LabelTokenDataset(tokens, np.array([1, 1, 0]), label_ids, end, end, tiny(Path("none"), max_length=4))
    batch = dataset.__getitems__([0, 1, 2])
    assert batch["input_ids"].tolist() == [[3734, 2646, end], [25001, 121, end], [47249, 222, end]]
    assert batch["labels"].tolist() == [1930, 1930, 12480]


def _words(text: str) -> list[int]:
    """A tokenizer of syllables, for hand-worked names."""
    known = ["ne", "good", "ative", "utral", "pos", "itive", "g"]
    found = []
    while text:
        part = next(piece for piece in known if text.startswith(piece))
        found.append(known.index(part))
        text = text.removeprefix(part)
    return found


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("pos", "good"), [4, 1]),
        (("negative", "neutral"), [6, 3]),  # both begin with “ne”: the first token of its own
        (("neg", "negative"), [-1, 2]),  # all of “neg” is in “negative”: it needs a token added
        (("negative", "positive"), [0, 4]),
    ],
)
def test_a_label_s_token_is_the_first_that_tells_it_apart(names: tuple[str, ...], wanted: list[int]) -> None:
    assert choose_label_tokens(names, _words) == wanted


def test_an_added_token_stands_in_tokenizer_and_model(tmp_path: Path) -> None:
    folder = str(save_model("gpt2", tmp_path / "gpt2"))
    tokenizer = load_tokenizer(folder, writes=True)
    model = load_model(folder, tokenizer)
    before = len(tokenizer)
    ids = add_label_tokens(("bad", "bad good"), tokenizer, model)
    assert ids[0] == before
    assert tokenizer.convert_ids_to_tokens(ids[0]) == "<label:bad>"
    assert model.get_input_embeddings().num_embeddings == len(tokenizer) == before + 1
    assert model.get_output_embeddings().weight.shape[0] == before + 1


def test_labels_without_tokens_of_their_own_are_refused() -> None:
    class Mute:
        """A tokenizer that knows one token, and to which none can be added."""

        def __call__(self, text: str, **_options: object) -> dict[str, list[int]]:
            return {"input_ids": [3]}

        def __len__(self) -> int:
            return 1

        def add_tokens(self, tokens: list[str], special_tokens: bool) -> None:
            pass

        def convert_tokens_to_ids(self, token: str) -> int:
            return 3

    with pytest.raises(ModelError, match="a, b have no tokens that tell them apart"):
        add_label_tokens(("a", "b"), Mute(), _Embedded())


class _Embedded:
    """A model of which only the embedding is asked."""

    def get_input_embeddings(self) -> Any:
        return torch.nn.Embedding(10, 2)


def _small(kind: str) -> Any:
    """A small model with random weights, of GPT-2's kind or of Llama's."""
    torch.manual_seed(0)
    if kind == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=80, n_positions=16, n_embd=16, n_layer=2, n_head=2)).eval()
    shape = LlamaConfig(vocab_size=80, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    return LlamaForCausalLM(shape).eval()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_the_head_is_run_where_the_label_is_written_and_says_the_same_there(kind: str, packed: bool) -> None:
    model, seen = _small(kind), []
    model.get_output_embeddings().register_forward_hook(lambda _head, _given, said: seen.append(tuple(said.shape)))
    apart = _dataset([[11, 12], [21, 22, 23], [31]], [1, 0, 1], 6).__getitems__([0, 1, 2])
    whole = model(input_ids=apart["input_ids"], attention_mask=apart["attention_mask"])["logits"]
    batch = _dataset([[11, 12], [21, 22, 23], [31]], [1, 0, 1], 6, packed=packed).__getitems__([0, 1, 2])
    chosen = logits_at_ends(model, batch)
    assert seen == [(3, 4, 80), (1, 3, 80)]
    assert torch.allclose(chosen, whole[[0, 1, 2], [2, 3, 1]], atol=1e-6)
    again = model(input_ids=apart["input_ids"], attention_mask=apart["attention_mask"])["logits"]
    assert torch.equal(again, whole)  # nothing is left behind in the model


@pytest.mark.parametrize("packed", [False, True])
def test_loss_and_gradients_are_those_of_the_course_s_own_format(packed: bool) -> None:
    model = _small("gpt2")
    batch = _dataset([[11, 12], [21, 22, 23]], [1, 0], 6, packed=packed).__getitems__([0, 1])
    task = prepare(tiny(Path("none")), model, {}, np.array([4, 5]), [BAD, GOOD], None)
    # The course's model reads the label's token too, shifts by one and averages over what is not -100.
    course = {
        "input_ids": torch.tensor([[11, 12, END, GOOD, PAD], [21, 22, 23, END, BAD]]),
        "attention_mask": torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]),
        "labels": torch.tensor([[-100, -100, -100, GOOD, -100], [-100, -100, -100, -100, BAD]]),
    }
    expected = model(**course)["loss"]
    loss = task.loss(task.forward(model, batch), batch["labels"], True)
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    assert task.choose_logits(task.forward(model, batch), batch["labels"]).shape == (2, 2)
    assert task.choose_labels(batch["labels"].numpy()).tolist() == [1, 0]
    expected.backward()
    theirs = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    loss.backward()
    assert all(torch.allclose(weight.grad, theirs[name], atol=1e-6) for name, weight in model.named_parameters())


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_models_that_make_their_mask_from_positions_read_texts_end_to_end(kind: str) -> None:
    model = _small(kind).train()
    state = torch.get_rng_state()
    assert reads_packed(model, [11, 12])
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_models_that_look_back_over_a_text_s_start_or_know_no_positions_do_not() -> None:
    class Counting(GPT2LMHeadModel):  # type: ignore[misc]
        """Counts positions itself, whatever it is told."""

        def forward(self, *arguments: Any, position_ids: Any = None, **named: Any) -> Any:
            return super().forward(*arguments, **named)

    class Deaf(GPT2LMHeadModel):  # type: ignore[misc]
        """Knows no such argument."""

        def forward(self, input_ids: Any, attention_mask: Any = None, use_cache: bool = False) -> Any:
            return super().forward(input_ids=input_ids, attention_mask=attention_mask, use_cache=use_cache)

    for kind in (Counting, Deaf):
        torch.manual_seed(0)
        model = kind(GPT2Config(vocab_size=80, n_positions=16, n_embd=16, n_layer=2, n_head=2, initializer_range=0.5))
        assert not reads_packed(model, [11, 12])
