# SPDX-License-Identifier: MIT
# __init__.py - the module acre, as a guest imports it.
"""acre, as a guest sees it.

Functions of the source whose names do not begin with an underscore (or those that its
__all__ names) can be called by other actors: a plain one runs alone, an `async def` one as a
task of the event loop. One that @acre.context marks has the context of its call as its first
argument: the stream, both ways, and the first value.

A function calls other actors in turn, in C or in Python:

    @acre.context
    async def sum_up(ctx, n):
        await ctx.started(n)
        async with acre.open_nursery() as nursery:
            worker = await nursery.start_actor("worker")
            async with worker.open_context("count", lo=0, hi=n) as (count, first):
                async for item in count:
                    await ctx.send(item)
        return "done"

Annotations are kept: a parameter that is annotated with a dataclass gets one, and what does not
fit is an error of class ACRE_ETYPE at the caller. worker.call("f", returns=Pair) makes a Pair of
what comes back.

With acre_loop = "trio" in the source its loop is trio's; and a plain function may call trio.run().

What another actor fails with is raised here as acre.Error, and as the exception of Python that
it was there, if it was one. One that is cancelled gets acre.Cancelled, which is asyncio's own
(trio's, within trio).
"""

from _acre import fork

# name -> the module that has it. They come when they are asked for: an interpreter that only
# forks does not import asyncio.
_PLACES = {
    "Cancelled": "_error",
    "Context": "_context",
    "Error": "_error",
    "Nursery": "_nursery",
    "Portal": "_portal",
    "block": "_ask",
    "context": "_context",
    "dial": "_portal",
    "find_actor": "_portal",
    "open_nursery": "_nursery",
    "parent": "_portal",
    "wait_for_actor": "_portal",
}

__all__ = ["fork", *_PLACES]


def __getattr__(name):
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module 'acre' has no attribute {name!r}")
    module = __import__("acre." + place, fromlist=[name])
    return globals().setdefault(name, getattr(module, name))


def __dir__():
    return sorted(__all__)
