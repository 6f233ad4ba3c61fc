import logging
import os
import random

# All rounds of the long tests, or else a tenth of them.
IS_FULL = bool(os.environ.get("CYCLE_TEST_FULL"))
# What random tests begin from: the same each time, something new in the full run. To
# see again what failed, set CYCLE_TEST_SEED to what the test has logged.
SEED = int(
    os.environ.get("CYCLE_TEST_SEED")
    or (random.randrange(10**9) if IS_FULL else 20270115)
)


def get_progress_logger(name):
    """Return where a long test says that it still works; a silent one is given up.

    :param str name: of the test's module
    """
    return logging.getLogger(f"{name}.progress")
