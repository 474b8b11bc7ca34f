"""Keeps passwords and tokens out of what people read and what is kept: sentences, logs, tracebacks, params and tags.

Nothing here knows what a text is for: whatever leaves a process goes through `without_secrets` as a whole.
"""

import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TextIO

HIDDEN = "…"
_NAMED = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_SHORTEST = 6
"""Characters of a value in the environment: to blank out a shorter one would eat ordinary words."""
# First a password as people type it, with / ? or # in it, up to the last @ of the word; what looks like a port is none.
_PASSWORD = re.compile(r"(?<=://)[^\s/?#@:\[]*:(?!\d{1,5}(?![\w@.~!$&*+=%-]))\S*@")
_USER_INFO = re.compile(r"(?<=://)[^\s/?#]*@")
_ARGUMENT = re.compile(r"(?<=[?&])((?:\w*password|passwd|pwd|\w*token|api_?key)=)[^\s&#'\"]+", re.IGNORECASE)
_HUB_TOKEN = re.compile(r"(?<![A-Za-z0-9_])hf_(?:oauth_)?[A-Za-z0-9]{16,}(?:[\w-]|\.(?=\w))*")


def without_secrets(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The text with “…” for whoever logs in within an address, for what the environment names as secret, and for hub tokens."""
    values = {(environment.get(name) or "").strip() for name in _NAMED}
    for value in sorted((value for value in values if len(value) >= _SHORTEST), key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    text = _HUB_TOKEN.sub(HIDDEN, text)
    if "://" not in text:
        return text
    text = _USER_INFO.sub(f"{HIDDEN}@", _PASSWORD.sub(f"{HIDDEN}@", text))
    return _ARGUMENT.sub(rf"\g<1>{HIDDEN}", text)


def holds_secret(text: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether there is something in the text to hide."""
    return without_secrets(text, environment) != text


class SecretFreeFormatter(logging.Formatter):
    """Formats as the base does, then hides what is secret in all of it, traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole record as text."""
        return without_secrets(super().format(record))


class _Record(logging.LogRecord):
    """A record that is clean in itself: mlflow, transformers and streamlit bring handlers and formatters of their own."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if self.exc_info and self.exc_info[0] is not None:
            # Formatters take this where it is there, and format the traceback where it is not.
            self.exc_text = without_secrets("".join(traceback.format_exception(*self.exc_info)).rstrip("\n"))

    def getMessage(self) -> str:
        """The message with its arguments put in."""
        return without_secrets(super().getMessage())


def start_logging(stream: TextIO, format: str, datefmt: str | None = None, level: int = logging.INFO) -> None:
    """`logging.basicConfig` for a process of its own, with nothing secret in what it logs, warns of or dies from."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(SecretFreeFormatter(format, datefmt))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)
    clean_tracebacks()


def clean_tracebacks() -> None:
    """From here on, whatever this process logs, and each exception that nobody catches, shows nothing secret."""
    logging.setLogRecordFactory(_Record)
    sys.excepthook = _print_clean
    threading.excepthook = _print_thread


def _print_clean(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(without_secrets("".join(traceback.format_exception(kind, error, trace))))
    sys.stderr.flush()


def _print_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and ended.exc_type is not SystemExit:
        _print_clean(ended.exc_type, ended.exc_value, ended.exc_traceback)
