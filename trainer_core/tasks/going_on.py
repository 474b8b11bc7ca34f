"""Lets a language model go on with texts: the likeliest token each time, or drawn at a temperature."""

from collections.abc import Sequence
from typing import Any

import torch

from trainer_core.config import TrainConfig
from trainer_core.tasks.tokens import tokenise


@torch.no_grad()
def go_on(
    config: TrainConfig, model: Any, tokenizer: Any, texts: Sequence[str], tokens: int, temperature: float, seed: int
) -> list[str]:
    """What comes after each text, up to `tokens` tokens or the end-of-text token. The same for the same seed."""
    framed, bare = tokenizer("x")["input_ids"], tokenizer("x", add_special_tokens=False)["input_ids"]
    start = list(framed[: framed.index(bare[0])])
    draw = torch.Generator().manual_seed(seed)
    found = tokenise([text.strip() for text in texts], tokenizer)
    return [_one(config, model, tokenizer, [*start, *map(int, found[i])], tokens, temperature, draw) for i in range(len(texts))]


def _one(
    config: TrainConfig, model: Any, tokenizer: Any, ids: list[int], tokens: int, temperature: float, draw: torch.Generator
) -> str:
    device = next(model.parameters()).device
    written: list[int] = []
    for _step in range(tokens):
        # The model learnt texts of max length at the most: what is read stays within it.
        read = torch.tensor([[*ids, *written][-config.max_length :] or [tokenizer.eos_token_id]], device=device)
        logits = model(input_ids=read)["logits"][0, -1].float().cpu()
        if temperature <= 0:
            token = int(logits.argmax())
        else:
            token = int(torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1, generator=draw))
        if token == tokenizer.eos_token_id:
            break
        written.append(token)
    return str(tokenizer.decode(written, skip_special_tokens=True))
