# SPDX-License-Identifier: MIT
# _on_trio.py - the calls of a guest as tasks of trio, and a plain function that runs trio.
"""trio does not bear an exception in its own code. So an interrupt raises only where code of the
guest computes within a task; elsewhere the cancel scope is cancelled at trio's next turn. An
interrupt that finds neither comes again, until the cancel was taken.
"""

import inspect

import trio

import _acre

from acre import _ask
from acre._error import Cancelled

_RUNS_TASKS = "unrolled_run"  # trio's function that steps into them
_ROOT_NURSERIES = 3  # of trio's own root task while the main task runs, whose is the last


def _is_of(frame, package):
    name = frame.f_globals.get("__name__") or ""
    return name == package or name.startswith(package + ".")


def _first_of_trio(frame):
    """The innermost, and the one that it has called."""
    called = None
    while frame is not None and not _is_of(frame, "trio"):
        called, frame = frame, frame.f_back
    return frame, called


def _computes(frame):
    """Code of the guest, in a task, with none of trio's or ours below it."""
    first, called = _first_of_trio(frame)
    if first is None or called is None or first.f_code.co_name != _RUNS_TASKS:
        return False
    return bool(called.f_code.co_flags & inspect.CO_COROUTINE) and not _is_of(frame, "acre")


class Loop:
    is_trio = True

    def __init__(self):
        self._scopes = {}  # call -> its cancel scope, until it has answered
        self._nursery = None
        self._early = []  # what came before the loop runs

    def start(self, call, name, coroutine):
        scope = self._scopes[call] = trio.CancelScope()
        if self._nursery is None:
            self._early.append((name, scope, coroutine))
        else:
            self._nursery.start_soon(self._call, scope, coroutine, name=name)

    async def _call(self, scope, coroutine):
        with scope:
            await coroutine

    def forget(self, call):
        self._scopes.pop(call, None)

    def cancel(self, call):
        scope = self._scopes.get(call)
        if scope is not None and _acre.take_cancel(call):
            scope.cancel()

    def interrupt(self, frame):
        if not _computes(frame):
            return  # where it waits it sees the request
        of = _ask.call.get()
        call = of.number if of else 0
        if _acre.take_cancel(call) if call else _acre.is_over():
            if call in self._scopes:
                self._scopes[call].cancel()
            raise trio.Cancelled._create()

    def run(self, look):
        """Until the actor is over."""
        trio.run(self._serve, look)

    async def _serve(self, look):
        async with trio.open_nursery() as self._nursery:
            for name, *call in self._early:
                self._nursery.start_soon(self._call, *call, name=name)
            while not _acre.is_over():
                await trio.lowlevel.wait_readable(_acre.fd())
                look()
            self._nursery.cancel_scope.cancel()


def _cancel_main():
    nurseries = trio.lowlevel.current_root_task().child_nurseries
    if len(nurseries) >= _ROOT_NURSERIES:
        nurseries[-1].cancel_scope.cancel()


def _take_cancel(call):
    if _acre.take_cancel(call):
        _cancel_main()


def interrupt_plain(call, frame):
    """A plain function that may be within trio.run(): that is cancelled, and raises
    trio.Cancelled."""
    if _first_of_trio(frame)[0] is None:
        if _acre.take_cancel(call):
            raise Cancelled
    elif _computes(frame):
        if _acre.take_cancel(call):
            _cancel_main()
            raise trio.Cancelled._create()
    else:
        try:
            trio.lowlevel.current_trio_token().run_sync_soon(_take_cancel, call, idempotent=True)
        except (AttributeError, RuntimeError):
            pass  # it is imported, begins, or ends
