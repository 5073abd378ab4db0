# SPDX-License-Identifier: MIT
# _ask.py - asking the actor for something, and waiting for its answer wherever that is done.
"""The task that asks waits as its event loop wants it: as a task of asyncio, as one of trio, or,
in a plain function, by standing still. An answer comes in any case: one that is cancelled tells
the actor so, and waits for the answer all the same. So nothing that was sent, received or
started is lost in between: what came in spite of the cancel is given, and the cancel comes next.

A cancel of the actor's own may show as an answer first. Whoever is meant then hears of it at
once, and of that one cancel no more.
"""

import asyncio
import contextlib
import contextvars
import sys

import _acre

from acre import _error

# The call whose function runs, as a number; 0 once it has answered.
call = contextvars.ContextVar("acre_call", default=None)

in_new_loop = None  # what else is done in an event loop that is new here
before_nursery = None  # what is done before a nursery is opened

# What an interrupt does to the guest's thread at this moment.
FREE = 0  # it raises
BUSY = 1  # nothing: the books of an ask must be right; it comes again
STILL = 2  # it raises in the wait of a plain function, and is not spent by that
phase = FREE

stands_still = False  # a plain function runs within a task of trio's

_reads_in = None  # the event loop that looks for answers
_waiting = {}  # number of an ask -> what to do with (r, value, report)
_told = {}  # number of a block -> what to do when it is cancelled
cancel_call = None  # of _serve: has the task of a call cancelled, if that was not done


class Call:
    """What the tasks of one call have in common."""

    def __init__(self, number):
        self.number = number


def look():
    """Everything that was answered since the last look."""
    global phase
    before, phase = phase, BUSY  # or an answer that was taken would be lost
    try:
        while (answer := _acre.answered()) is not None:
            what, number, *rest = answer
            then = (_told if what == "cancelled" else _waiting).pop(number, None)
            if then is not None:
                then(*rest)
    finally:
        phase = before


def on_cancelled(block, then):
    """What is done when the actor cancels a block; None: nothing any more."""
    if then:
        _told[block] = then
    else:
        _told.pop(block, None)


# How an ask fails because somebody else is being ended: beside a cancel that is no news.
_ENDS = (b"ACRE_ECTXC", b"ACRE_ECLOSED", b"ACRE_ETOOSLOW")


class _Answer:
    def __init__(self, got):
        self._got = got
        self._then = []
        self.has_come = False
        self.is_cancel = False
        self.may_be_left = False  # for a cancel: it is none, or is where the next one looks

    def __call__(self, r, value, report):
        self._r, self._value, self._report = r, value, report
        self.has_come = True
        failed_as = value[0] if r < 0 and value is not None else None
        self.is_cancel = failed_as == b"ECANCELED"
        self.may_be_left = self.is_cancel or self._got is not None or failed_as in _ENDS
        if r >= 0 and self._got is not None:
            self._got(value)
        for then in self._then:
            then()

    def then(self, what):
        if self.has_come:
            what()
        else:
            self._then.append(what)

    def take(self):
        if self._r < 0:
            raise _error.of_answer(self._value, self._report)
        return self._value


def _begin(name, arg, answer):
    of = call.get()
    number = _acre.ask(of.number if of else 0, name, arg)
    _waiting[number] = answer
    return number


def begin_anew():
    """In a process that was forked of a guest's: nobody waits for what that has asked."""
    global _reads_in, phase
    _reads_in = None
    phase = FREE
    call.set(None)
    _waiting.clear()
    _told.clear()


def _current_asyncio():
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _in_trio():
    if stands_still:
        return None
    trio = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return None
    return trio


def _spend_cancel():
    """The call is cancelled, and its function hears of it by the answer."""
    of = call.get()
    if of and of.number:
        _acre.take_cancel(of.number)


def _wait_still(name, arg, answer):
    """In a plain function, or in one of trio's or asyncio's callbacks."""
    global phase
    interrupt = None
    phase = BUSY
    try:
        number = _begin(name, arg, answer)
        while not answer.has_come:
            try:
                phase = STILL
                _acre.wait_answers()
                phase = BUSY
                look()
            except BaseException as e:  # the answer comes nevertheless
                phase = BUSY
                interrupt = interrupt or e
                if not answer.has_come:  # else the number is no more
                    _acre.stop(number)
        if answer.is_cancel:
            _spend_cancel()
        if interrupt is not None:
            is_ours = isinstance(interrupt, _error.Cancelled)
            if answer.may_be_left or not is_ours:
                if is_ours:
                    _spend_cancel()
                raise interrupt
            # else it comes again, since it is not spent
    finally:
        phase = FREE
    return answer.take()


def _read_in(loop):
    global _reads_in
    if _reads_in is not loop:
        loop.add_reader(_acre.answers_fd(), look)
        _reads_in = loop
        if in_new_loop is not None:
            in_new_loop(loop)


def cancel_later(task):
    """One that has swallowed a cancel gets it at its next wait, if that is still wanted."""
    n = task.cancelling()

    def cancel():
        if not task.done() and task.cancelling() >= n:
            task.cancel()
            if n:
                task.uncancel()  # it is the same one

    asyncio.get_running_loop().call_soon(cancel)


async def _wait_asyncio(name, arg, answer, task):
    global phase
    loop = asyncio.get_running_loop()
    n = task.cancelling()
    cancelled = None
    phase = BUSY
    try:
        number = _begin(name, arg, answer)
        _read_in(loop)
        come = loop.create_future()
        answer.then(lambda: come.done() or come.set_result(None))
        while not answer.has_come:
            try:
                phase = FREE
                await asyncio.shield(come)
                phase = BUSY
            except asyncio.CancelledError as e:
                phase = BUSY
                cancelled = e
                if not answer.has_come:  # else the number is no more
                    _acre.stop(number)
    finally:
        phase = FREE
    if cancelled is not None:
        if answer.may_be_left:
            raise cancelled
        cancel_later(task)
    elif answer.is_cancel:
        of = call.get()
        if of and of.number:
            cancel_call(of.number)
        if task.cancelling() > n:
            await asyncio.sleep(0)  # it comes here
    return answer.take()


async def _look_in_trio(trio):
    while True:
        await trio.lowlevel.wait_readable(_acre.answers_fd())
        look()


async def _wait_trio(name, arg, answer, trio):
    global _reads_in
    run = trio.lowlevel.current_trio_token()
    if _reads_in is not run:
        trio.lowlevel.spawn_system_task(_look_in_trio, trio)
        _reads_in = run
    done = trio.Event()
    number = _begin(name, arg, answer)
    answer.then(done.set)
    try:
        await done.wait()
    except BaseException:
        if not answer.has_come:
            _acre.stop(number)
        with trio.CancelScope(shield=True):
            await done.wait()
        if answer.may_be_left:
            raise
    if answer.is_cancel:  # of the call, whose scope may not know yet
        of = call.get()
        if of and of.number:
            cancel_call(of.number)
        raise trio.Cancelled._create()
    return answer.take()


async def ask_into(got, name, /, **arg):
    """Asks. What comes is given to `got` as it comes, whatever becomes of the task that waits."""
    _acre.is_over()  # on another thread than the guest's this raises
    answer = _Answer(got)
    if task := _current_asyncio():
        return await _wait_asyncio(name, arg, answer, task)
    if trio := _in_trio():
        return await _wait_trio(name, arg, answer, trio)
    return _wait_still(name, arg, answer)


async def ask(name, /, **arg):
    """Asks, and gives the answer."""
    return await ask_into(None, name, **arg)


async def end(holder, cancel):
    """Leaves a block. What is cancelled already trio would cancel again."""
    trio = _in_trio() if cancel else None
    with trio.CancelScope(shield=True) if trio else contextlib.nullcontext():
        await ask("end", holder=holder, cancel=cancel)


def ask_still(name, /, **arg):
    """The same, standing still, wherever this is."""
    return _wait_still(name, arg, _Answer(None))


def block(awaitable):
    """Runs something of acre's to its end in a plain function: acre.block(portal.call("f"))."""
    if _current_asyncio() or _in_trio():
        awaitable.close()
        raise RuntimeError("acre.block() is for plain functions: this one can await")
    steps = awaitable.__await__()
    try:
        steps.send(None)
    except StopIteration as e:
        return e.value
    steps.close()
    raise RuntimeError("acre.block() runs acre's own calls, and not those of an event loop")
