# SPDX-License-Identifier: MIT
# _error.py - failures of other actors as exceptions.
"""A failure comes as [class, number, name, message, trace, members...], see guest_ask.h."""

import asyncio
import builtins
import sys

import _acre

Cancelled = asyncio.CancelledError

_GUEST = "ACRE_EGUEST"
_GROUP = "ACRE_EGROUP"
_ERRNO_MAX = 1000  # above it are acre's own classes


class Error(Exception):
    """A failure of acre, of an actor in C, or an exception of another guest.

    cls is the name of its class ("ACRE_ETYPE", "ENOENT"), name that of the exception which it
    was, trace where it was raised there. One that is raised out of a function which was called
    arrives at the caller as what it was, not as one of ours.
    """

    cls = ""
    name = ""
    trace = ""
    _report = None  # the failure itself

    def __str__(self):  # KeyError's own would quote it
        return str(self.args[0]) if self.args else ""


def _text(data):
    return data.decode("utf-8", "replace")


def _builtin(name):
    """The exception of Python that has this name, if it takes a text."""
    found = getattr(builtins, name, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        return None
    return None if issubclass(found, (UnicodeError, BaseExceptionGroup)) else found


def _instance(base, message):
    """An Error that is caught as `base`, too."""
    if base is None or base is Exception:
        return Error(message)
    try:
        return type(base.__name__, (Error, base), {"__module__": base.__module__})(message)
    except TypeError:
        return Error(message)


def _os_error(number, message):
    base = type(OSError(number, message))  # Python knows which
    e = _instance(base, message)
    if isinstance(e, OSError):
        e.errno = number
    return e


def _make(failure):
    cls, number, name, message, trace, members = failure
    cls, name, message = _text(cls), _text(name), _text(message)
    members = [_make(member) for member in members]
    if cls == _GROUP and members:
        return ExceptionGroup(message or "several failures", members)
    if cls == _GUEST:
        e = _instance(_builtin(name), message)
    elif number < _ERRNO_MAX:
        e = _os_error(number, message)
    else:
        e = Error(f"{cls}: {message}")
    e.cls, e.name, e.trace = cls, name, _text(trace)
    if members:
        e.__cause__ = members[0]
    return e


def _cancels():
    """What a cancelled task gets, of each event loop that is there."""
    trio = getattr(sys.modules.get("trio"), "Cancelled", None)
    return (Cancelled, trio) if trio else (Cancelled,)


def is_cancelled(exception):
    if isinstance(exception, BaseExceptionGroup):
        return all(is_cancelled(one) for one in exception.exceptions)
    return isinstance(exception, _cancels())


def as_failure(exception):
    """Cancelled, by whichever loop, is asyncio's; a group is without what was cancelled only
    since another of it has failed."""
    if is_cancelled(exception):
        if isinstance(exception, Cancelled):
            return exception
        return Cancelled(*exception.args[:1]).with_traceback(exception.__traceback__)
    if isinstance(exception, BaseExceptionGroup):
        cancelled, rest = exception.split(_cancels())
        return exception if cancelled is None else rest
    return exception


def misfit(text):
    """One of our own, ACRE_ETYPE: as it is raised where it comes from another actor."""
    e = Error(f"ACRE_ETYPE: {text}")
    e.cls = e.name = "ACRE_ETYPE"
    e._report = _acre.misfit(text)
    return e


def of_answer(failure, report):
    """The exception to be raised for an answer that is a failure."""
    if failure is None:
        return MemoryError()
    if _text(failure[0]) == "ECANCELED":
        return Cancelled()
    e = _make(failure)
    if report is not None and isinstance(e, (Error, ExceptionGroup)):
        e._report = report
    return e
