# SPDX-License-Identifier: MIT
# _nursery.py - blocks that end when every actor started in them has ended.

import asyncio

from acre import _ask, _error, _portal
from acre._ask import ask


class Nursery:
    """Owns actors. When one fails the others are cancelled, and so is the block."""

    def __init__(self, number):
        self._number = number

    async def start_actor(
        self,
        name="actor",
        *,
        source=None,
        file=None,
        module=None,
        main=None,
        preload=(),
        c=False,
        backend=None,
    ):
        """Starts an actor and waits until it serves.

        It runs Python, a source, file or module, or a module as its main one; without any,
        the same as this one. The modules of preload are imported once for all actors that
        name the same. With c=True it runs none, and offers what the program has in C.
        """
        given = [("source", source), ("file", file), ("module", module), ("main", main)]
        given = [(kind, text) for kind, text in given if text is not None]
        if len(given) + bool(c) > 1:
            raise TypeError("an actor runs a source, a file, a module, or C, and one of them")
        kind, text = given[0] if given else ("", "") if c else ("same", "")
        actor = await ask(
            "spawn",
            nursery=self._number,
            name=name,
            backend=backend or "",
            kind=kind,
            text=str(text),
            preload=",".join(preload),
        )
        return _portal.of(actor)

    async def cancel(self):
        """Cancels all that is in it."""
        await ask("cancel_nursery", nursery=self._number)


class _Block:
    """The task that runs the block is cancelled when one of its actors fails."""

    def __init__(self):
        self._number = None
        self._task = None
        self._scope = None
        self._cancelling = 0  # of the task, as the block began
        self._was_cancelled = False

    async def __aenter__(self):
        if _ask.before_nursery is not None:
            _ask.before_nursery()
        self._number = await ask("nursery")
        self._task = _ask._current_asyncio()
        if self._task is not None:
            self._cancelling = self._task.cancelling()
        elif trio := _ask._in_trio():
            self._scope = trio.CancelScope()
            self._scope.__enter__()
        _ask.on_cancelled(self._number, self._cancel_body)
        return Nursery(self._number)

    def _cancel_body(self):
        self._was_cancelled = True
        if self._task is not None:
            self._task.cancel()
        elif self._scope is not None:
            self._scope.cancel()

    async def _settle(self, exception):
        """The exception that is left when what the nursery has done to its own block is taken
        away."""
        if self._task is None or not self._was_cancelled:
            return exception
        came = None
        try:
            await asyncio.sleep(0)  # the cancel may have yet to come
        except asyncio.CancelledError as e:
            came = e
        is_other = self._task.uncancel() > self._cancelling  # somebody else's, too
        if isinstance(exception, asyncio.CancelledError):
            return exception if is_other else None
        if exception is not None and came is not None and is_other:
            _ask.cancel_later(self._task)
        return exception or (came if is_other else None)

    def _settle_scope(self, exception):
        """The same in trio."""
        try:
            kind, trace = type(exception), getattr(exception, "__traceback__", None)
            is_ours = self._scope.__exit__(kind if exception else None, exception, trace)
        except BaseException as e:  # what is left of a group
            return e
        return None if is_ours else exception

    async def __aexit__(self, kind, exception, trace):
        _ask.on_cancelled(self._number, None)
        if self._scope is not None:
            left = self._settle_scope(exception)
        else:
            left = await self._settle(exception)
        try:
            await _ask.end(self._number, left is not None or self._was_cancelled)
        except Exception as e:
            if left is not None and not _error.is_cancelled(left):
                raise BaseExceptionGroup("several failures", [left, e]) from None
            raise
        if left is not None and left is not exception:
            raise left
        return left is None


def open_nursery():
    """async with acre.open_nursery() as nursery: ..."""
    return _Block()
