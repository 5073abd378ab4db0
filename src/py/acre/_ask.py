# SPDX-License-Identifier: MIT
# _ask.py - asking the actor for something, and waiting for its answer wherever that is done.
"""The task that asks waits as its event loop wants it: as a task of asyncio, as one of trio, or,
in a plain function, by standing still. An answer comes in any case: one that is cancelled tells
the actor so, and waits for the answer all the same. So nothing that was sent, received or
started is lost in between: what came in spite of the cancel is given, and the cancel comes next.
"""

import asyncio
import contextvars
import sys

import _acre

from acre import _error

# The call whose function runs, as a number; 0 once it has answered.
call = contextvars.ContextVar("acre_call", default=None)

in_new_loop = None  # what else is done in an event loop that is new here
before_nursery = None  # what is done before a nursery is opened
_reads_in = None  # the event loop that looks for answers
_waiting = {}  # number of an ask -> what to do with (r, value, report)
_left = []  # an interrupt that the wait of a plain function did not end with
_told = {}  # number of a block -> what to do when it is cancelled


class Call:
    """What the tasks of one call have in common."""

    def __init__(self, number):
        self.number = number


def look():
    """Everything that was answered since the last look."""
    while (answer := _acre.answered()) is not None:
        what, number, *rest = answer
        if what == "cancelled":
            on_cancel = _told.pop(number, None)
            if on_cancel:
                on_cancel()
        else:
            _waiting.pop(number)(tuple(rest))


def on_cancelled(block, then):
    """What is done when the actor cancels a block; None: nothing any more."""
    if then:
        _told[block] = then
    else:
        _told.pop(block, None)


def _take(answer):
    r, value, report = answer
    if r < 0:
        raise _error.of_answer(value, report)
    return value


def _is_cancelled(answer):
    r, value, _ = answer
    return r < 0 and value is not None and value[0] == b"ECANCELED"


def forget_interrupt():
    """The plain function that it was meant for has ended."""
    _left.clear()


def _current_asyncio():
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _in_trio():
    trio = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return None
    return trio


def _wait_still(number):
    """In a plain function, or in one of trio's or asyncio's callbacks."""
    answers = []
    cancel = _left.pop() if _left else None
    if cancel is not None:
        _acre.stop(number)
    _waiting[number] = answers.append
    while not answers:
        try:
            _acre.wait_answers()
            look()
        except BaseException as e:  # an interrupt; the answer comes nevertheless
            cancel = cancel or e
            _acre.stop(number)
    if cancel is not None and _is_cancelled(answers[0]):
        raise cancel
    if cancel is not None:
        _left.append(cancel)  # it comes at the next wait
    return _take(answers[0])


async def _wait_asyncio(number, task):
    global _reads_in
    loop = asyncio.get_running_loop()
    if _reads_in is not loop:
        loop.add_reader(_acre.answers_fd(), look)
        _reads_in = loop
        if in_new_loop is not None:
            in_new_loop(loop)
    answer = loop.create_future()
    _waiting[number] = lambda got: answer.done() or answer.set_result(got)
    cancelled = None
    while not answer.done():
        try:
            await asyncio.shield(answer)
        except asyncio.CancelledError as e:
            cancelled = e
            _acre.stop(number)
    if cancelled is not None and _is_cancelled(answer.result()):
        raise cancelled
    if cancelled is not None:
        task.uncancel()
        task.cancel()  # it comes at the next wait
    return _take(answer.result())


async def _look_in_trio(trio):
    while True:
        await trio.lowlevel.wait_readable(_acre.answers_fd())
        look()


async def _wait_trio(number, trio):
    global _reads_in
    run = trio.lowlevel.current_trio_token()
    if _reads_in is not run:
        trio.lowlevel.spawn_system_task(_look_in_trio, trio)
        _reads_in = run
    answers = []
    done = trio.Event()

    def got(answer):
        answers.append(answer)
        done.set()

    _waiting[number] = got
    try:
        await done.wait()
    except BaseException:
        _acre.stop(number)
        with trio.CancelScope(shield=True):
            await done.wait()
        if _is_cancelled(answers[0]):
            raise
    return _take(answers[0])


def start(name, /, **arg):
    """Begins to ask; gives the number."""
    of = call.get()
    return _acre.ask(of.number if of else 0, name, arg)


async def ask(name, /, **arg):
    """Asks, and gives the answer."""
    task = _current_asyncio()
    trio = None if task else _in_trio()
    number = start(name, **arg)
    if task:
        return await _wait_asyncio(number, task)
    if trio:
        return await _wait_trio(number, trio)
    return _wait_still(number)


def ask_still(name, /, **arg):
    """The same, standing still, wherever this is."""
    return _wait_still(start(name, **arg))


def block(awaitable):
    """Runs something of acre's to its end in a plain function: acre.block(portal.call("f"))."""
    steps = awaitable.__await__()
    try:
        steps.send(None)
    except StopIteration as e:
        return e.value
    steps.close()
    raise RuntimeError("acre.block() is for plain functions, and what it runs for acre's own calls")
