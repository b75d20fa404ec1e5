"""One run of `tests.bench.mypg` in a process of its own."""

from tests.bench.mypg import worker

worker()
