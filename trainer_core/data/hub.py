"""The hub: whether it answers, and what it says of a repository. HF_ENDPOINT, HF_HOME, HF_TOKEN and proxies count as always.

Everything here says within seconds what is wrong: a missing repository, revision or configuration, a token that is not taken, a
network that is not there.
"""

import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from trainer_core.errors import DataError, ModelError, TrainerError
from trainer_core.language import gettext as _
from trainer_core.secrets import HIDDEN, without_secrets

PROBE_SECONDS = 3.0
ANSWER_SECONDS = 5.0
Kind = Literal["dataset", "model"]


@dataclass(frozen=True)
class HubEntry:
    """What the hub says of a repository: the commit that a revision means, and the bytes of each file (0 where it tells none)."""

    repository: str
    commit: str
    files: Mapping[str, int]


def settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What decides where the hub is and as whom it is asked, for showing: never a token or password, only that there is one."""
    from huggingface_hub import constants, get_token

    proxy = environment.get("HTTPS_PROXY") or environment.get("https_proxy") or ""
    return {
        "HF_ENDPOINT": _shown(environment.get("HF_ENDPOINT") or endpoint(environment)),
        "HF_HOME": str(constants.HF_HOME),
        "HF_TOKEN": _("set") if get_token() else _("not set"),
        "HTTPS_PROXY": _shown(proxy) or _("not set"),
        "HF_HUB_OFFLINE": _("set") if is_told_offline(environment) else _("not set"),
    }


def endpoint(environment: Mapping[str, str] = os.environ) -> str:
    """The hub's address, without the user and password that HF_ENDPOINT may hold: the libraries read those themselves."""
    parts = urlsplit((environment.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/"))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def is_told_offline(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether HF_HUB_OFFLINE says to ask no network."""
    return environment.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")


def _shown(address: str) -> str:
    """The address without who logs in; a proxy is often given without its scheme."""
    user, at, rest = address.rpartition("@")
    return without_secrets(address) if "://" in address or not user else f"{HIDDEN}{at}{rest}"


def look_up(kind: Kind, repository: str, revision: str = "") -> HubEntry:
    """Asks the hub for a repository, within seconds. Raises DataError or ModelError with what is wrong and what can be done."""
    problem = check_host()
    if problem is not None:
        raise _unreachable(kind, repository, problem)
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    ask = HfApi().dataset_info if kind == "dataset" else HfApi().model_info
    fail = DataError if kind == "dataset" else ModelError
    what = _("dataset") if kind == "dataset" else _("model")
    try:
        found = ask(repository, revision=revision or None, timeout=ANSWER_SECONDS, files_metadata=True)
    except HFValidationError as error:
        raise fail(_("“{name}” is no hub id: give NAME or OWNER/NAME, as its page on {host} does.").format(
            name=repository, host=host()
        )) from error  # fmt: skip
    except GatedRepoError as error:
        raise fail(
            _("The {kind} “{name}” is shown only to those who asked for it. Ask on its page, {page}, then set HF_TOKEN.").format(
                kind=what, name=repository, page=f"{endpoint()}/{'datasets/' if kind == 'dataset' else ''}{repository}"
            )
        ) from error
    except RevisionNotFoundError as error:
        raise fail(
            _(
                "The {kind} “{name}” has no revision “{revision}”. Give a branch, a tag or a commit of it, or leave it empty."
            ).format(kind=what, name=repository, revision=revision)
        ) from error
    except RepositoryNotFoundError as error:
        raise fail(_not_found(what, repository, error)) from error
    except HfHubHTTPError as error:
        raise fail(_refused(what, repository, error)) from error
    except (HTTPError, OSError, OfflineModeIsEnabled) as error:
        raise _unreachable(kind, repository, cause_of(error)) from error
    files = {str(file.rfilename): int(file.size or 0) for file in found.siblings or ()}
    return HubEntry(repository, str(found.sha or ""), files)


def _not_found(what: str, repository: str, error: Any) -> str:
    status = getattr(getattr(error, "response", None), "status_code", 404)
    if status == 401 and _has_token():
        return _("The hub {host} did not take HF_TOKEN (401). Make a new token in your account's settings and set it.").format(
            host=host()
        )
    return _(
        "There is no {kind} “{name}” on {host}, or it is private{hint}. Check the id, NAME or OWNER/NAME."
    ).format(kind=what, name=repository, host=host(), hint="" if _has_token() else _(" and needs HF_TOKEN"))  # fmt: skip


def _refused(what: str, repository: str, error: Any) -> str:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if status == 401:
        return _("The hub {host} did not take HF_TOKEN (401). Make a new token in your account's settings and set it.").format(
            host=host()
        )
    if status == 403:
        return _("HF_TOKEN may not read the {kind} “{name}” (403). Give the token that right in your account's settings.").format(
            kind=what, name=repository
        )
    if status == 429:
        return _("The hub {host} was asked too often (429). Wait some minutes, or set HF_TOKEN.").format(host=host())
    return _("The hub {host} answered with an error ({status}) for “{name}”. Try again, or set HF_ENDPOINT to a mirror.").format(
        host=host(), status=status or cause_of(error), name=repository
    )


def _has_token() -> bool:
    from huggingface_hub import get_token

    return bool(get_token())


def _unreachable(kind: Kind, repository: str, cause: str) -> TrainerError:
    if kind == "model":
        return ModelError(
            _(
                "The model “{model}” is not on this machine and the hub can't be reached ({host}: {cause}). Give a folder with the "
                "model in its place (--model FOLDER, or the field Model), or set HF_ENDPOINT to a mirror."
            ).format(model=repository, host=host(), cause=cause)
        )
    return DataError(
        _(
            "The dataset “{dataset}” is not on this machine and {host} can't be reached ({cause}). Give a folder in its place "
            "(--dataset FOLDER, or the field Dataset): for MNIST the one with the four IDX .gz files, for texts one with "
            "train.csv. Or set HF_ENDPOINT to a mirror."
        ).format(dataset=repository, host=host(), cause=cause)
    )


def check_host() -> str | None:
    """Why the hub can't be reached, found within seconds; None where it answers, or where a proxy stands between."""
    if is_told_offline():
        return _("HF_HUB_OFFLINE is set")
    if urlsplit(endpoint()).scheme == "https" and (os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")):
        return None
    try:
        _connect(*_address())
    except OSError as error:
        return str(error)
    return None


def host() -> str:
    """The hub's name, as sentences name it."""
    return urlsplit(endpoint()).netloc


def _address() -> tuple[str, int]:
    parts = urlsplit(endpoint())
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _connect(name: str, port: int) -> None:
    # In a thread of its own, since looking up a name takes no timeout and can hang for half a minute.
    problems: list[OSError] = []

    def attempt() -> None:
        try:
            socket.create_connection((name, port), timeout=PROBE_SECONDS).close()
        except OSError as error:
            problems.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    if thread.is_alive():
        raise OSError(_("no answer within {seconds:g} s").format(seconds=PROBE_SECONDS))
    if problems:
        raise OSError(problems[0].strerror or str(problems[0]))


def cause_of(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".") or type(error).__name__
