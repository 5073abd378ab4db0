# SPDX-License-Identifier: MIT
# peer_pipe.py - Python's multiprocessing: bytes over a Pipe, there and back, and one way.
"""peer_pipe.py trip | flood: prints us there and back, or M/s, as bench/peer.c does."""
import multiprocessing
import struct
import sys
import time

SIZE = 64
WARM_UP = 500
TRIPS = 10000
ITEMS = 200000


def message(number):
    return struct.pack("Q", number) + bytes(SIZE - 8)


def check(text, number):
    if len(text) != SIZE or struct.unpack_from("Q", text)[0] != number:
        sys.exit("peer: not the message that was due")


def echo(end):
    while True:
        end.send_bytes(end.recv_bytes())


def produce(end):
    for number in range(ITEMS):
        end.send_bytes(message(number))
    end.recv_bytes()  # until the other end is closed


def trip(end):
    for number in range(WARM_UP + TRIPS):
        if number == WARM_UP:
            begun = time.monotonic()
        end.send_bytes(message(number))
        check(end.recv_bytes(), number)
    return (time.monotonic() - begun) / TRIPS * 1e6


def flood(end):
    for number in range(ITEMS):
        check(end.recv_bytes(), number)
        if number == 0:
            begun = time.monotonic()
    return ITEMS / (time.monotonic() - begun) / 1e6


def main():
    measure, partner = (trip, echo) if sys.argv[1] == "trip" else (flood, produce)
    multiprocessing.set_start_method("fork")
    end, other = multiprocessing.Pipe()
    process = multiprocessing.Process(target=partner, args=(other,), daemon=True)
    process.start()
    print(f"{measure(end):.6f}")
    process.kill()
    process.join()


main()
