# SPDX-License-Identifier: MIT
# _context.py - the dialogue between two functions of two actors.

import collections
from typing import Any

from acre import _ask, _error, _shape
from acre._ask import ask, ask_into


def context(function):
    """Marks a function as one that has the context of its call as its first argument."""
    function._acre_has_context = True
    return function


def has_context(function):
    return getattr(function, "_acre_has_context", False)


class Context:
    """A first value, items both ways, one result.

    Nothing is dropped: a sender waits while too much lies unread. Items end when the other side
    says so, or has ended.
    """

    def __init__(self, number, items=Any, returns=Any):
        self._number = number
        self._items_type = items
        self._result_type = returns
        self._items = collections.deque()  # that came
        self._is_over = False  # no more come

    def _ask(self, name, /, **arg):
        return ask(name, context=self._number, **arg)

    async def started(self, value=None):
        """Callee: the first value, once."""
        await self._ask("started", value=value)

    async def send(self, value):
        """An item. Cancelled, nothing was sent."""
        await self._ask("send", value=value)

    async def receive(self, of=Any):
        """The next item; StopAsyncIteration at the end, again and again.

        Cancelled, nothing was taken. Of several readers each gets some of the items.
        receive(T) makes a T of it: acre.Error of class ACRE_ETYPE, and no more of that item,
        where it is none.
        """
        while not self._items:
            if self._is_over:
                raise StopAsyncIteration
            await ask_into(self._arrived, "receive", context=self._number)
        item = self._items.popleft()
        return _shape.read(self._items_type if of is Any else of, item, "item")

    def _arrived(self, items):
        if items is None:
            self._is_over = True
        else:
            self._items.extend(items)

    def __aiter__(self):
        return self

    async def __anext__(self):
        return await self.receive()

    async def finish(self):
        """This side sends no more items, and goes on reading."""
        await self._ask("finish")

    async def result(self):
        """Opener: waits for the result. Items that were not read stay readable."""
        return _shape.read(self._result_type, await self._ask("result"), "Return")

    async def cancel(self):
        """Opener: asks the callee to end, and waits for its word. Callee: cancels itself."""
        await self._ask("cancel_context")


class Opened:
    """A context of ours, while the block runs that has opened it."""

    def __init__(self, portal, space, name, arg, items, returns):
        self._arg = {"actor": portal.uuid, "space": space, "name": name, "arg": arg}
        self._types = items, returns
        self._number = None

    async def __aenter__(self):
        self._number, first = await ask("open", **self._arg)
        task = _ask._current_asyncio()
        if task is not None:  # with the actor, which ends
            _ask.on_cancelled(self._number, task.cancel)
        return Context(self._number, *self._types), first

    async def __aexit__(self, kind, exception, trace):
        """Leaving it with an exception cancels the callee, else it is waited for."""
        _ask.on_cancelled(self._number, None)
        try:
            await _ask.end(self._number, exception is not None)
        except Exception:
            if exception is None or _error.is_cancelled(exception):
                raise  # the callee's failure, which explains that
        return False
