"""Asks checkpoints through a warm process, so that no page and no prompt waits on torch twice."""

import contextlib
import json
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from gettext import gettext as _
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer_core.checkpoints import find_checkpoint
from trainer_core.data import as_the_model_sees
from trainer_core.decisions import decide
from trainer_core.errors import TrainerError
from trainer_core.jobs.summon import PROJECT_ROOT
from trainer_core.store import Store


@dataclass(frozen=True)
class Kept:
    """What the process keeps in memory: models, their bytes, and how many bytes they may take."""

    models: int
    bytes: int
    limit: int


@dataclass(frozen=True)
class Predictions:
    """Answers for n pictures or texts.

    `probabilities` is float32 [n, classes] in the order of `labels`; `seen` is what a network read of pictures, float32
    [n, height, width], and None for texts; `seconds` is how long the model took; `threshold` is the checkpoint's own, see
    `decisions`; `note` is a sentence on how the answer came about, empty where all is as usual.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]
    seen: NDArray[np.float32] | None
    seconds: float
    threshold: float | None = None
    note: str = ""
    kept: Kept = Kept(0, 0, 0)

    @property
    def winners(self) -> NDArray[np.int64]:
        """The class that is said in each row, by the checkpoint's threshold where it has one."""
        return decide(self.probabilities, self.threshold)


class Predictor:
    """Owns one process that keeps torch and the networks asked last. Threads may share it; it starts again when it died."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False

    def warm(self) -> None:
        """Starts the process without waiting for it."""
        with self._lock:
            self._start()

    def is_warm(self) -> bool:
        """Whether the process has its imports done; starts it where there is none."""
        with self._lock:
            process = self._start()
            assert process.stdout
            if not self._ready and select.select([process.stdout], [], [], 0)[0]:
                self._read_header(process)
                self._ready = True
            return self._ready

    def predict(self, run_id: str, checkpoint_step: int, images: NDArray[np.uint8]) -> Predictions:
        """Asks a checkpoint about uint8 pictures [n, height, width]. Raises TrainerError with the reason where it can't answer."""
        checkpoint = find_checkpoint(self._store, run_id, checkpoint_step)
        config = checkpoint.config()
        seen = as_the_model_sees(images, config.input_mean, config.input_std)
        question = {"run": checkpoint.run_id, "step": checkpoint.step, "shape": images.shape}
        return self._predict(question, np.ascontiguousarray(images).tobytes(), seen)

    def predict_texts(
        self, run_id: str, checkpoint_step: int, texts: Sequence[str], pairs: Sequence[str] | None = None
    ) -> Predictions:
        """Asks a checkpoint about n texts, or n pairs. Raises TrainerError with the reason where it can't answer."""
        question = {"run": run_id, "step": checkpoint_step, "texts": list(texts), "pairs": None if pairs is None else list(pairs)}
        return self._predict(question, b"", None)

    def go_on(
        self, run_id: str, checkpoint_step: int, texts: Sequence[str], tokens: int = 40, temperature: float = 0.0, seed: int = 0
    ) -> list[str]:
        """How a language model goes on with each text. Raises TrainerError with the reason where it can't."""
        question = {"run": run_id, "step": checkpoint_step, "texts": list(texts)}
        with self._lock:
            header, _nothing = self._ask({**question, "tokens": tokens, "temperature": temperature, "seed": seed}, b"")
        return [str(text) for text in header["texts"]]

    def _predict(self, question: dict[str, Any], content: bytes, seen: NDArray[np.float32] | None) -> Predictions:
        with self._lock:
            header, answer = self._ask(question, content)
        probabilities = np.frombuffer(answer, dtype=np.float32).reshape(header["shape"])
        threshold = None if header["threshold"] is None else float(header["threshold"])
        kept = Kept(*map(int, header["kept"]))
        return Predictions(
            tuple(header["labels"]), probabilities, seen, float(header["seconds"]), threshold, str(header["note"]), kept
        )

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            log = (self._store.logs / "inference.log").open("ab")
            with log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "trainer_core.inference", "--store", str(self._store.root)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=PROJECT_ROOT,
                )
            self._ready = False
        return self._process

    def _ask(self, question: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        process = self._start()
        assert process.stdin
        assert process.stdout
        try:
            if not self._ready:
                self._read_header(process)
                self._ready = True
            process.stdin.write(json.dumps(question).encode() + b"\n" + content)
            process.stdin.flush()
            header = self._read_header(process)
            size = 0 if "error" in header else 4 * prod(header["shape"])
            content = process.stdout.read(size)
            if len(content) < size:
                raise OSError("the answer was cut short")
        except (OSError, ValueError) as error:
            self._end()
            raise TrainerError(
                _("The prediction process ended early. Ask again; if it ends again, its log says why: {log}").format(
                    log=self._store.logs / "inference.log"
                )
            ) from error
        except BaseException:
            self._end()  # whoever was interrupted leaves half an answer in the pipe, which the next would take for its own
            raise
        if "error" in header:
            raise TrainerError(header["error"])
        return header, content

    @staticmethod
    def _read_header(process: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert process.stdout
        header: dict[str, Any] = json.loads(process.stdout.readline())
        return header

    def _end(self) -> None:
        if self._process is None:
            return
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):  # what was not yet written to a process that died
                    pipe.close()
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._process = None
