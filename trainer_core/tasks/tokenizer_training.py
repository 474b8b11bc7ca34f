"""The tokenizer of a model built here: byte-level BPE learnt from the training texts (Sennrich et al. 2016), without torch."""

from collections.abc import Iterable, Sequence
from typing import Any

PADDING, END = "<pad>", "<eos>"


def train_backend(texts: Iterable[str], vocabulary_size: int, marks: Sequence[str] = (), single_digits: bool = False) -> Any:
    """A `tokenizers.Tokenizer`, the same for the same texts.

    `marks` are pieces of text that get a token of their own. With `single_digits` each digit is a token, so that a number can be
    copied digit by digit.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    # A space put before each part would stand between the digits of a number.
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=not single_digits)
    digits = pre_tokenizers.Digits(individual_digits=True)
    backend.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_of]) if single_digits else bytes_of
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[PADDING, END, *marks],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return backend
