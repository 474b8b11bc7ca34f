"""python -m trainer_core: the command line."""

import sys

from trainer_core.cli import main
from trainer_core.secrets import clean_tracebacks

if __name__ == "__main__":
    clean_tracebacks()
    sys.exit(main())
