"""The warm process behind the playground: `python -m trainer_core.inference --store STORE`, asked over its own pipes.

A request is a line of JSON: for pictures {"run", "step", "shape"}, followed by their bytes; for texts {"run", "step", "texts",
"pairs"}, and for texts to go on with "tokens", "temperature" and "seed" in place of pairs. An answer is a line of JSON ({"labels",
"shape", "seconds", "note", "threshold", "kept"}, with "texts" where it goes on, or {"error"}) and then the probabilities' bytes
(float32, row by row); `note` is a sentence on how it came about, `threshold` the checkpoint's own or null, `kept` the models in
memory: their number, their bytes, and how many those may be.

For a turn of a dialogue a request is {"run", "step", "talk"}, see `LoadedCheckpoints.talk`: what was written since the last one is
a line {"piece"}, and the answer's line has the "tokens", and "first", the seconds until the first one. SIGUSR1 ends the turn
that is being written.

It ends when its standard input does.
"""

import argparse
import gc
import json
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from math import prod
from typing import Any, BinaryIO

import numpy as np

from trainer_core.errors import TooLongError, TrainerError
from trainer_core.language import gettext as _
from trainer_core.secrets import start_logging, without_secrets
from trainer_core.store import open_store

_TELL_SECONDS = 0.03
"""Between two pieces of a turn that is written: each wakes the asker, which takes a processor from the model for a moment."""
_NICENESS = 5
"""A question takes a quarter of a processor that training wants whole."""


def main() -> None:
    """Answers until there is nobody left to ask."""
    parser = argparse.ArgumentParser(prog="python -m trainer_core.inference", description=__doc__)
    parser.add_argument("--store", required=True)
    arguments = parser.parse_args()
    # What a library prints must not stand between answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    start_logging(sys.stderr, "%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    from trainer_core.inference.kept import give_way
    from trainer_core.inference.predict import LoadedCheckpoints  # seconds of imports

    give_way(_NICENESS)
    loaded = LoadedCheckpoints(open_store(arguments.store))

    def told(labels: object, shape: object) -> dict[str, Any]:
        kept = (len(loaded.models), loaded.models.bytes, loaded.models.limit)
        seconds = time.perf_counter() - began
        return {
            "labels": labels,
            "shape": shape,
            "seconds": seconds,
            "note": loaded.note,
            "threshold": loaded.threshold,
            "kept": kept,
        }

    stop = threading.Event()
    signal.signal(signal.SIGUSR1, lambda _signal, _frame: stop.set())
    _answer(answers, {"ready": True})
    frozen = False
    texts = threading.Thread(target=_import_texts, daemon=True)
    texts.start()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        run, step = str(request["run"]), int(request["step"])
        shape = tuple(int(size) for size in request.get("shape", ()))
        content = _read_exactly(sys.stdin.buffer, prod(shape)) if shape else b""
        began = time.perf_counter()
        if "texts" in request or "talk" in request:
            texts.join()  # two threads that import the same modules might each meet half of one
            if not frozen:
                gc.freeze()  # half a million objects of imports, which no question makes garbage of
                gc.set_threshold(20_000)
                frozen = True
        try:
            if "talk" in request:
                stop.clear()
                tokens, first, held, told_at = 0, 0.0, "", 0.0
                for piece in loaded.talk(run, step, request["talk"], stop.is_set):
                    now = time.perf_counter()
                    first = first or now - began
                    tokens += 1
                    held += piece
                    if now - told_at >= _TELL_SECONDS:
                        _answer(answers, {"piece": held})
                        held, told_at = "", now
                if held:
                    _answer(answers, {"piece": held})
                _answer(answers, {"tokens": tokens, "first": first, **told([], [0])})
                continue
            if "tokens" in request:
                said = loaded.go_on(run, step, request["texts"], request["tokens"], request["temperature"], request["seed"])
                _answer(answers, {"texts": said, **told([], [0])})
                continue
            if "texts" in request:
                labels, probabilities = loaded.predict_texts(run, step, request["texts"], request["pairs"])
            else:
                labels, probabilities = loaded.predict(run, step, np.frombuffer(bytearray(content), dtype=np.uint8).reshape(shape))
        except TrainerError as error:
            _answer(answers, {"error": str(error), "too_long": isinstance(error, TooLongError)})
        except Exception as error:  # the process outlives any one question; the asker shows the sentence
            sys.excepthook(type(error), error, error.__traceback__)
            message = without_secrets(str(error))
            _answer(
                answers,
                {"error": _("The prediction failed: {kind}: {message}.").format(kind=type(error).__name__, message=message)},
            )
        else:
            _answer(answers, told(labels, probabilities.shape), np.ascontiguousarray(probabilities, dtype=np.float32).tobytes())


def _import_texts() -> None:
    """What texts need takes seconds to import, and pictures do without: it is had ready while nobody asks yet."""
    with suppress(Exception):  # whoever asks about a text meets it again, and is told
        import transformers.models.gpt2.modeling_gpt2  # noqa: F401
        from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer  # noqa: F401

        import trainer_core.tasks.saved_texts
        import trainer_core.tasks.text_reader  # noqa: F401


def _answer(file: BinaryIO, header: dict[str, Any], content: bytes = b"") -> None:
    file.write(json.dumps(header).encode() + b"\n" + content)
    file.flush()


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        sys.exit(0)  # the asker left in mid-sentence
    return content


if __name__ == "__main__":
    main()
