"""`python -m dr` is `dr`, which begins here: nothing that takes time comes before Ctrl-C is answered."""

import os
import signal
from types import FrameType

INTERRUPTED = 130
"""As `dr.errors` has it, which is not loaded yet."""


def main() -> None:
    """Run the command line. Ctrl-C while it is being loaded ends the process at once: nothing has begun."""
    # Whoever was started deaf to Ctrl-C, as by `nohup`, stays so.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, _gone)
    from dr.cli import main as command_line

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command_line()


def _gone(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
