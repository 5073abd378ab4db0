# SPDX-License-Identifier: MIT
# _context.py - the dialogue between two functions of two actors.

from acre._ask import ask


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

    def __init__(self, number):
        self._number = number
        self._items = []  # that came, oldest last

    def _ask(self, name, /, **arg):
        return ask(name, context=self._number, **arg)

    async def started(self, value=None):
        """Callee: the first value, once."""
        await self._ask("started", value=value)

    async def send(self, value):
        """An item. Cancelled, nothing was sent."""
        await self._ask("send", value=value)

    async def receive(self):
        """The next item; StopAsyncIteration at the end, again and again."""
        if not self._items:
            items = await self._ask("receive")
            if items is None:
                raise StopAsyncIteration
            self._items = items[::-1]
        return self._items.pop()

    def __aiter__(self):
        return self

    async def __anext__(self):
        return await self.receive()

    async def finish(self):
        """This side sends no more items, and goes on reading."""
        await self._ask("finish")

    async def result(self):
        """Opener: waits for the result. Items that were not read stay readable."""
        return await self._ask("result")

    async def cancel(self):
        """Opener: asks the callee to end, and waits for its word. Callee: cancels itself."""
        await self._ask("cancel_context")


class Opened:
    """A context of ours, while the block runs that has opened it."""

    def __init__(self, portal, space, name, arg):
        self._arg = {"actor": portal.uuid, "space": space, "name": name, "arg": arg}
        self._number = None

    async def __aenter__(self):
        self._number, first = await ask("open", **self._arg)
        return Context(self._number), first

    async def __aexit__(self, kind, exception, trace):
        """Leaving it with an exception cancels the callee, else it is waited for."""
        await ask("end", holder=self._number, cancel=exception is not None)
        return False
