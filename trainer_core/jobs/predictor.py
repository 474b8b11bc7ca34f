"""Asks checkpoints through a warm process, so that no page and no prompt waits on torch twice."""

import contextlib
import json
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer_core.checkpoints import find_checkpoint
from trainer_core.data import as_the_model_sees
from trainer_core.decisions import decide
from trainer_core.errors import TooLongError, TrainerError
from trainer_core.jobs.summon import PROJECT_ROOT
from trainer_core.language import gettext as _
from trainer_core.retelling import retell
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


@dataclass(frozen=True)
class Talked:
    """What a turn took: its tokens, the seconds until the first one and until the last, and a sentence, see `Predictions`."""

    tokens: int
    first_seconds: float
    seconds: float
    note: str


@dataclass(frozen=True)
class Sampling:
    """How a turn is written: `tokens` at the most; at temperature 0 the likeliest token each time, above it one is drawn from those
    that together have the probability `top_p`."""

    tokens: int = 200
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


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

    def talk(
        self, run_id: str, checkpoint_step: int, dialogue: str, sampling: Sampling, base: bool = False
    ) -> Generator[str | Talked]:
        """The next turn of a dialogue (see `dialogues.as_text`), a piece of text a token, and at last what it took. Closing the
        iterator ends the turn there. With `base` the model answers as it was before fine-tuning.

        Raises TrainerError with the reason where there is no answer.
        """
        asked = {"dialogue": dialogue, "base": base, **asdict(sampling)}
        with self._lock:
            process = self._send({"run": run_id, "step": checkpoint_step, "talk": asked}, b"")
            is_over = False
            try:
                while True:
                    header = self._receive(process)
                    if "piece" not in header:
                        is_over = True
                        break
                    yield str(header["piece"])
            finally:
                if not is_over:
                    self._stop_writing(process)
        if "error" in header:
            raise (TooLongError if header.get("too_long") else TrainerError)(retell(header["error"]))
        yield Talked(int(header["tokens"]), float(header["first"]), float(header["seconds"]), retell(str(header["note"])))

    def _stop_writing(self, process: subprocess.Popen[bytes]) -> None:
        """Whoever reads has left: the turn ends, and what is still on its way is taken out of the pipe."""
        try:
            process.send_signal(signal.SIGUSR1)
            while "piece" in self._read_header(process):
                pass
        except (OSError, ValueError):
            self._end()

    def _predict(self, question: dict[str, Any], content: bytes, seen: NDArray[np.float32] | None) -> Predictions:
        with self._lock:
            header, answer = self._ask(question, content)
        probabilities = np.frombuffer(answer, dtype=np.float32).reshape(header["shape"])
        threshold = None if header["threshold"] is None else float(header["threshold"])
        kept = Kept(*map(int, header["kept"]))
        return Predictions(
            tuple(header["labels"]), probabilities, seen, float(header["seconds"]), threshold, retell(str(header["note"])), kept
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
        process = self._send(question, content)
        header = self._receive(process)
        if "error" in header:
            raise TrainerError(retell(header["error"]))
        with self._whole_or_ended():
            assert process.stdout
            size = 4 * prod(header["shape"])
            answer = process.stdout.read(size)
            if len(answer) < size:
                raise OSError("the answer was cut short")
        return header, answer

    def _send(self, question: dict[str, Any], content: bytes) -> subprocess.Popen[bytes]:
        process = self._start()
        with self._whole_or_ended():
            assert process.stdin
            if not self._ready:
                self._read_header(process)
                self._ready = True
            process.stdin.write(json.dumps(question).encode() + b"\n" + content)
            process.stdin.flush()
        return process

    def _receive(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        with self._whole_or_ended():
            return self._read_header(process)

    @contextlib.contextmanager
    def _whole_or_ended(self) -> Iterator[None]:
        """What goes wrong inside ends the process: half an answer in the pipe would be taken for the next one's."""
        try:
            yield
        except (OSError, ValueError) as error:
            self._end()
            raise TrainerError(
                _("The prediction process ended early. Ask again; if it ends again, its log says why: {log}").format(
                    log=self._store.logs / "inference.log"
                )
            ) from error
        except BaseException:
            self._end()
            raise

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
