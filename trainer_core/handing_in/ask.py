"""Asks the model that lies in this folder. Needs torch and safetensors, for texts transformers too.

from ask import load
ask = load()
print(ask(["What is to be asked"]))

Pictures are grey arrays or PIL pictures, light on dark; a pair of texts is a tuple; a dialogue is a list of messages with role and
content, and the answer's text is the next turn.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

Answer = dict[str, Any]


def load(folder: str | Path = Path(__file__).parent) -> Callable[[Sequence[Any]], list[Answer]]:
    """What answers a list of inputs, each with a dictionary: `label` and `probabilities`, `number`, or `text`."""
    folder = Path(folder)
    told = json.loads((folder / "ask.json").read_text(encoding="utf-8"))
    if told["kind"] == "picture":
        scores = _pictures(folder, told)
    else:
        from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder)
        writes = told["kind"] in ("label_token", "continuation", "chat")
        made = AutoModelForCausalLM if writes else AutoModelForSequenceClassification
        model = made.from_pretrained(folder, use_safetensors=True, dtype="float32").eval()
        if told["kind"] == "continuation":
            return lambda inputs: [{"text": _go_on(model, tokenizer, told, text)} for text in inputs]
        if told["kind"] == "chat":
            return lambda inputs: [{"text": _reply(model, tokenizer, told, messages)} for messages in inputs]
        scores = _texts(model, tokenizer, told)

    @torch.inference_mode()
    def ask(inputs: Sequence[Any]) -> list[Answer]:
        return [_answer(scores(one), told) for one in inputs]

    return ask


def _answer(scores: torch.Tensor, told: dict[str, Any]) -> Answer:
    if told["kind"] == "number":
        return {"number": float(scores[0] * told["std"] + told["mean"])}
    shares = torch.softmax(scores.float(), dim=-1)
    winner = int(shares.argmax())
    if told["threshold"] is not None and len(shares) == 2:
        winner = int(float(shares[1]) >= told["threshold"])
    return {"label": told["labels"][winner], "probabilities": dict(zip(told["labels"], shares.tolist(), strict=True))}


def _texts(model: Any, tokenizer: Any, told: dict[str, Any]) -> Callable[[Any], torch.Tensor]:
    def tokens(text: str) -> list[int]:
        return list(tokenizer(text.strip(), add_special_tokens=False, verbose=False)["input_ids"])

    def scores(asked: Any) -> torch.Tensor:
        most = told["max_length"]
        if told["kind"] == "label_token":  # the text's end and the end-of-text token; then the label is written
            room = max(0, most - 2 - len(told["before"]))
            own = tokens(asked)
            ids = [*told["before"], *own[max(0, len(own) - room) :], told["end"]][-(most - 1) :]
            logits: torch.Tensor = model(input_ids=torch.tensor([ids]))["logits"][0, -1]
            return logits[told["label_tokens"]]
        ids, types = _framed(asked, tokens, told)
        more = {"token_type_ids": torch.tensor([types])} if told["types"] else {}
        read = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long), **more}
        found: torch.Tensor = model(**read)["logits"][0]
        return found

    return scores


def _framed(asked: Any, tokens: Callable[[str], list[int]], told: dict[str, Any]) -> tuple[list[int], list[int]]:
    """The tokens with special ones around them; of what is too long the end is kept, of a pair the longer gives way first."""
    before, between, after, most = told["before"], told["between"], told["after"], told["max_length"]
    room = max(1, most - len(before) - len(between) - len(after))
    if isinstance(asked, str):
        own = tokens(asked)
        ids = [*before, *own[max(0, len(own) - room) :], *after][-most:]
        return ids, [0] * len(ids)
    first, second = (tokens(text) for text in asked)
    kept = min(len(second), max(room // 2, room - len(first)))
    head = [*before, *first[max(0, len(first) - room + kept) :], *between]
    ids = [*head, *second[len(second) - kept :], *after]
    types = [0] * len(head) + [1] * (len(ids) - len(head))
    return ids[-most:], types[: min(len(ids), most)]


def _pictures(folder: Path, told: dict[str, Any]) -> Callable[[Any], torch.Tensor]:
    import numpy as np
    from safetensors.torch import load_file

    layers = {"Linear", "Conv2d", "MaxPool2d", "Flatten", "Dropout", "ReLU", "GELU", "SiLU", "Tanh", "Identity"}
    network = torch.nn.Sequential(*(getattr(torch.nn, name)(*given) for name, given in told["layers"] if name in layers))
    weights = load_file(folder / "model.safetensors")
    network.load_state_dict({name.removeprefix("layers."): tensor for name, tensor in weights.items()})
    network.eval()

    def scores(picture: Any) -> torch.Tensor:
        pixels = np.array(picture.convert("L") if hasattr(picture, "convert") else picture, dtype=np.uint8)
        if pixels.shape != tuple(told["shape"]):
            raise ValueError(f"The model reads pictures of {told['shape']} pixels; this one has {list(pixels.shape)}.")
        found: torch.Tensor = network((torch.from_numpy(pixels).float() / 255 - told["mean"])[None, None] / told["std"])[0]
        return found

    return scores


@torch.inference_mode()
def _go_on(model: Any, tokenizer: Any, told: dict[str, Any], text: str, most: int = 40) -> str:
    """The likeliest tokens after a text."""
    ids = [*told["before"], *tokenizer(text.strip(), add_special_tokens=False)["input_ids"]]
    written: list[int] = []
    for _step in range(most):
        read = [*ids, *written][-told["max_length"] :] or [told["end"]]
        token = int(model(input_ids=torch.tensor([read]))["logits"][0, -1].argmax())
        if token == told["end"]:
            break
        written.append(token)
    return str(tokenizer.decode(written, skip_special_tokens=True))


@torch.inference_mode()
def _reply(model: Any, tokenizer: Any, told: dict[str, Any], messages: Sequence[dict[str, Any]], most: int = 200) -> str:
    """The likeliest next turn of a dialogue; a call comes as the model writes it. Of a long one the oldest turns are left out."""
    if not messages:
        raise ValueError("A dialogue has at least one message: {'role': 'user', 'content': '...'}.")
    turns = [_as_learnt(message, tokenizer, told["has_tools"]) for message in messages]
    if told["system"] and turns[0]["role"] != "system":
        turns.insert(0, {"role": "system", "content": told["system"]})
    head = turns[:1] if turns[0]["role"] == "system" else []
    rest = turns[len(head) :]
    room = told["max_length"] - min(most, told["max_length"] // 8)
    while True:
        asked = {"tools": told["tools"] or None, "tokenize": False, "add_generation_prompt": True}
        text = tokenizer.apply_chat_template([*head, *rest], **asked)
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        if ids.shape[1] <= room or len(rest) < 2:
            break
        rest = rest[1:]
    written = model.generate(ids, max_new_tokens=most, do_sample=False, pad_token_id=tokenizer.pad_token_id)[0, ids.shape[1] :]
    return str(tokenizer.decode(written, skip_special_tokens=False)).removesuffix(tokenizer.eos_token).strip()


def _as_learnt(message: dict[str, Any], tokenizer: Any, has_tools: bool) -> dict[str, Any]:
    """A message as the model learnt it: no special tokens in what was said, and without tools in the template a call as a text."""
    content = str(message.get("content") or "")
    if message["role"] in ("user", "tool"):
        for token in (str(one.content) for one in tokenizer.added_tokens_decoder.values() if one.special):
            content = content.replace(token, f"{token[0]}\u200b{token[1:]}")
    calls = message.get("tool_calls")
    if calls and not has_tools:
        return {"role": "assistant", "content": json.dumps(calls[0]["function"], ensure_ascii=False)}
    role = "user" if message["role"] == "tool" and not has_tools else message["role"]
    return {**message, "role": role, "content": content}
