"""The tokenizer of a model built here: byte-level BPE learnt from the training texts (Sennrich et al. 2016), without torch."""

from collections.abc import Iterable, Sequence
from typing import Any

PADDING, END = "<pad>", "<eos>"


def train_backend(texts: Iterable[str], vocabulary_size: int, marks: Sequence[str] = ()) -> Any:
    """A `tokenizers.Tokenizer`, the same for the same texts. `marks` are pieces of text that get a token of their own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[PADDING, END, *marks],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return backend
