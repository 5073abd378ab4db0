# SPDX-License-Identifier: MIT
# peer_forkserver.py - multiprocessing's forkserver: from start() to the first word of a process.
"""peer_forkserver.py ready: prints us, with asyncio preloaded and an event loop that has run."""
import asyncio
import multiprocessing
import statistics
import time

WARM_UP = 3
STARTS = 25


async def answer(end):
    end.send_bytes(b"x")


def run(end):
    asyncio.run(answer(end))


def ready():
    end, other = multiprocessing.Pipe()
    process = multiprocessing.Process(target=run, args=(other,))
    begun = time.monotonic()
    process.start()
    end.recv_bytes()
    us = (time.monotonic() - begun) * 1e6
    process.join()
    return us


if __name__ == "__main__":
    multiprocessing.set_start_method("forkserver")
    multiprocessing.set_forkserver_preload(["asyncio", "__main__"])
    figures = [ready() for _ in range(WARM_UP + STARTS)]
    print(f"{statistics.median(figures[WARM_UP:]):.6f}")
