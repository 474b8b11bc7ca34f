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
from trainer_core.tasks.label_position import IGNORED, logits_before_label
from trainer_core.tasks.label_token import LabelTokenDataset, add_label_tokens, prepare
from trainer_core.tasks.text_format import choose_label_tokens
from trainer_core.tasks.text_models import load_model, load_tokenizer
from trainer_core.tasks.tokens import Tokens, tokenise

END, PAD, BAD, GOOD = 9, 0, 70, 71
"""Tokens of the examples worked out below: 9 ends a text, 0 pads, 70 and 71 are the labels."""


def _dataset(texts: list[list[int]], labels: list[int], max_length: int, padding: str = "longest") -> LabelTokenDataset:
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    tokens = Tokens(np.array([token for text in texts for token in text], dtype=np.int32), offsets)
    config = tiny(Path("none"), max_length=max_length, padding=padding)
    return LabelTokenDataset(tokens, np.array(labels, dtype=np.int64), [BAD, GOOD], END, PAD, config)


def test_short_exactly_full_and_too_long_texts_as_the_course_has_them() -> None:
    short, full, long = [11, 12], [21, 22, 23, 24], [31, 32, 33, 34, 35, 36]
    batch = _dataset([short, full, long], [1, 0, 1], max_length=6).__getitems__([0, 1, 2])
    assert batch["input_ids"].tolist() == [
        [11, 12, END, GOOD, PAD, PAD],
        [21, 22, 23, 24, END, BAD],
        [33, 34, 35, 36, END, GOOD],
    ]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]
    assert batch["labels"].tolist() == [
        [-100, -100, -100, GOOD, -100, -100],
        [-100, -100, -100, -100, -100, BAD],
        [-100, -100, -100, -100, -100, GOOD],
    ]
    assert all(tensor.dtype == torch.int64 for tensor in batch.values())


def test_longest_pads_to_the_batch_and_fixed_to_max_length() -> None:
    texts = [[11], [21, 22, 23]]
    assert _dataset(texts, [0, 1], 8).__getitems__([0])["input_ids"].tolist() == [[11, END, BAD]]
    assert _dataset(texts, [0, 1], 8).__getitems__([1, 0])["input_ids"].tolist() == [
        [21, 22, 23, END, GOOD],
        [11, END, BAD, PAD, PAD],
    ]
    fixed = _dataset(texts, [0, 1], 8, "fixed").__getitems__([0])
    assert fixed["input_ids"].tolist() == [[11, END, BAD, PAD, PAD, PAD, PAD, PAD]]
    assert fixed["attention_mask"].tolist() == [[1, 1, 1, 0, 0, 0, 0, 0]]


def test_padding_that_is_the_end_token_is_masked_and_not_learnt() -> None:
    tokens = Tokens(np.array([11, 21, 22], dtype=np.int32), np.array([0, 1, 3]))
    rows = LabelTokenDataset(tokens, np.array([0, 1]), [BAD, GOOD], END, END, tiny(Path("none"))).__getitems__([0, 1])
    assert rows["input_ids"].tolist() == [[11, END, BAD, END], [21, 22, END, GOOD]]
    assert rows["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert (rows["labels"] != IGNORED).sum(dim=1).tolist() == [1, 1]


def test_a_max_length_of_two_leaves_the_end_and_the_label() -> None:
    assert _dataset([[11, 12, 13]], [1], max_length=2).__getitems__([0])["input_ids"].tolist() == [[END, GOOD]]


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
    assert dataset.__getitems__([0, 1, 2])["input_ids"].tolist() == [
        [3734, 2646, end, 1930],
        [25001, 121, end, 1930],
        [47249, 222, end, 12480],
    ]


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


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_the_head_is_run_where_the_label_is_written_and_says_the_same_there(kind: str) -> None:
    model, seen = _small(kind), []
    model.get_output_embeddings().register_forward_hook(lambda _head, _given, said: seen.append(tuple(said.shape)))
    batch = _dataset([[11, 12], [21, 22, 23], [31]], [1, 0, 1], 6).__getitems__([0, 1, 2])
    whole = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])["logits"]
    chosen = logits_before_label(model, batch)
    assert seen == [(3, 5, 80), (3, 1, 80)]
    assert torch.allclose(chosen, whole[[0, 1, 2], [2, 3, 1]], atol=1e-6)
    again = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])["logits"]
    assert torch.equal(again, whole)  # nothing is left behind in the model


def test_the_loss_is_over_the_whole_vocabulary_as_the_course_s_is() -> None:
    model = _small("gpt2")
    batch = _dataset([[11, 12], [21, 22, 23]], [1, 0], 6).__getitems__([0, 1])
    task = prepare(tiny(Path("none")), model, {}, np.array([4, 5]), [BAD, GOOD], None)
    # The course's model shifts by one and averages over what is not -100.
    expected = model(**batch)["loss"]
    loss = task.loss(task.forward(model, batch), batch["labels"], True)
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    assert task.choose_logits(task.forward(model, batch), batch["labels"]).shape == (2, 2)
    assert task.choose_labels(batch["labels"].numpy()).tolist() == [1, 0]
    expected.backward()
    theirs = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    loss.backward()
    assert all(torch.allclose(weight.grad, theirs[name], atol=1e-6) for name, weight in model.named_parameters())
