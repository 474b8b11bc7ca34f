"""Brings the catalogs up to date with the sources: new messages are added, unused ones dropped, and what is there compiled."""

import sys

from tests.messages.catalogs import TRANSLATED, is_translated, read, refresh, write
from tests.messages.collect import collect


def main() -> int:
    """Returns 1 while something is not translated."""
    template, missing = collect(), 0
    for name in TRANSLATED:
        catalog = refresh(read(name), template)
        write(name, catalog)
        left = [message for message in catalog if message.id and not is_translated(message)]
        missing += len(left)
        print(f"{name}: {len(catalog)} messages, {len(left)} to translate")
        for message in left:
            print(f"  {message.id!r}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
