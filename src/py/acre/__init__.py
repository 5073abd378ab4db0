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

What another actor fails with is raised here as acre.Error, and as the exception of Python that
it was there, if it was one. One that is cancelled gets acre.Cancelled, which is asyncio's own
(trio's, within trio).
"""

from acre._ask import block
from acre._context import Context, context
from acre._error import Cancelled, Error
from acre._nursery import Nursery, open_nursery
from acre._portal import Portal, dial, find_actor, parent, wait_for_actor

__all__ = [
    "Cancelled",
    "Context",
    "Error",
    "Nursery",
    "Portal",
    "block",
    "context",
    "dial",
    "find_actor",
    "open_nursery",
    "parent",
    "wait_for_actor",
]
