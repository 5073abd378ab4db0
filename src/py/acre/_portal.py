# SPDX-License-Identifier: MIT
# _portal.py - other actors, by which their functions are called.

import contextlib
from typing import Any

from acre import _context, _shape
from acre._ask import ask


def _names(function, space):
    """Both names of what is to be called: a text, or a function of a module that both have."""
    if isinstance(function, str):
        return space or "main", function
    module = getattr(function, "__module__", "main")
    return space or ("main" if module == "__main__" else module), function.__name__


def _argument(args, kwargs):
    """The fields by name, or one value that has them: a dict, a dataclass."""
    if not args:
        return kwargs or None
    if len(args) > 1 or kwargs:
        raise TypeError("the fields of an argument are given by name, or as one value that has them")
    return args[0]


class Portal:
    """Another actor. Several may be of one actor; they are equal."""

    def __init__(self, uuid, name, pid):
        self.uuid = uuid
        self.name = name
        self.pid = pid

    def __repr__(self):
        return f"<acre.Portal of {self.name} (pid {self.pid})>"

    def __eq__(self, other):
        return isinstance(other, Portal) and other.uuid == self.uuid

    def __hash__(self):
        return hash(self.uuid)

    async def call(self, function, /, *args, space=None, returns=Any, **kwargs):
        """Calls a function there, and gives its result: a T if it is call(..., returns=T)."""
        space, name = _names(function, space)
        arg = _argument(args, kwargs)
        result = await ask("call", actor=self.uuid, space=space, name=name, arg=arg)
        return _shape.read(returns, result, "Return")

    def open_context(self, function, /, *args, space=None, items=Any, returns=Any, **kwargs):
        """async with portal.open_context("count", lo=1, hi=5) as (ctx, first): ...

        Its items and its result are of the types that are given as `items` and `returns`."""
        space, name = _names(function, space)
        return _context.Opened(self, space, name, _argument(args, kwargs), items, returns)

    async def cancel_actor(self):
        """Asks it to end, and waits until it has: for a child until it is reaped."""
        await ask("cancel_actor", actor=self.uuid)

    async def wait(self):
        """Waits until it has ended; raises how it failed."""
        await ask("wait_actor", actor=self.uuid)


def of(actor):
    return Portal(*actor) if actor is not None else None


@contextlib.asynccontextmanager
async def _held(portal):
    try:
        yield portal
    finally:
        if portal is not None:
            await ask("release", actor=portal.uuid)


@contextlib.asynccontextmanager
async def find_actor(name):
    """async with acre.find_actor("logger") as portal: None if there is none."""
    async with _held(of(await ask("find", name=name))) as portal:
        yield portal


@contextlib.asynccontextmanager
async def wait_for_actor(name):
    """The same, but waits until there is one."""
    async with _held(of(await ask("wait_for", name=name))) as portal:
        yield portal


@contextlib.asynccontextmanager
async def dial(address):
    """Whoever listens at a multiaddr: "/unix/run/a.sock", "/ip4/127.0.0.1/tcp/1616"."""
    async with _held(of(await ask("dial", address=address))) as portal:
        yield portal


async def parent():
    """The actor that has made this one; None in the root."""
    return of(await ask("parent"))
