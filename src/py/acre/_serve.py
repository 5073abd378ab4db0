# SPDX-License-Identifier: MIT
# _serve.py - the event loop of a guest, which runs what it is asked for.

import asyncio
import atexit
import functools
import gc
import importlib.util
import inspect
import os
import signal
import sys
import types

import _acre

from acre import _ask, _shape
from acre._context import Context, has_context
from acre._error import Cancelled, as_failure

_functions = {}  # (space, name) -> function
_tasks = {}  # call -> its task, until it has answered
_calls = {}  # task -> what its tasks have in common, whose number is the call while it can be
# interrupted
_plain = None  # the call whose plain function runs now
_loading = None  # that of a source or script that is run now
_n_interrupts = 0  # of a source that runs an event loop of its own
_loop = None
_trio = None  # the loop of _on_trio.py, if the source wants that


def _running():
    """The call that runs at this moment, if any. A script that is loaded runs a loop, too."""
    task = asyncio.current_task(_loop) if _loop is not None and _loop.is_running() else None
    of = _calls.get(task)
    return of.number or None if of else _plain


# Interrupts, 10 ms apart, after which what runs in a script's event loop does not get back to it
_PATIENT = 10


def _cancel_all(call, loop):
    """As asyncio.run() does at its end."""
    if _acre.take_cancel(call):
        for task in asyncio.all_tasks(loop):
            task.cancel()


def _interrupt_loop(call, loop):
    """A source that runs an event loop of its own: what is raised in a callback that loop takes
    for the callback's failure, and goes on. So its tasks are cancelled, by itself; and what
    computes is interrupted where that is not so.
    """
    global _n_interrupts
    _n_interrupts += 1
    if _n_interrupts == 1:
        loop.call_soon_threadsafe(_cancel_all, call, loop)  # it is woken, too
    elif _n_interrupts % _PATIENT == 0 and asyncio.current_task(loop) is not None:
        raise Cancelled


def _interrupted(signum, frame):
    """Whatever runs is interrupted here, between two steps: if that is meant, it raises."""
    _acre.heard()
    if _ask.phase == _ask.BUSY:
        return  # it comes again
    call = _running()
    loop = asyncio._get_running_loop()
    if call is not None and call == _loading == _plain and loop is not None:
        _interrupt_loop(call, loop)
    elif call is None and _trio is not None:
        _trio.interrupt(frame)
    elif call is None:
        if _plain is None and _acre.is_over():
            raise Cancelled
    elif _ask.phase == _ask.STILL:
        if _acre.is_cancelled(call):
            raise Cancelled
    elif call == _plain and _trio is None and "trio" in sys.modules:
        importlib.import_module("acre._on_trio").interrupt_plain(call, frame)
    elif _acre.take_cancel(call):
        raise Cancelled


def _answer_exception(call, exception):
    """Without the frames of this file, which call what has raised."""
    exception = as_failure(exception)
    trace = exception.__traceback__
    while trace is not None and trace.tb_frame.f_globals is globals():
        trace = trace.tb_next
    _acre.fail(call, exception.with_traceback(trace))


def _call_plain(call, function, context, arguments):
    global _plain
    of = _ask.Call(call)
    token = _ask.call.set(of)
    before = _plain  # a script that runs the event loop in which this is a callback
    try:
        _plain = call
        _ask.stands_still = _trio is not None
        try:
            shape = _shape.of_function(function, bool(context))
            value = function(*context, **shape.read(arguments))
            shape.check(value)
        finally:
            _plain = before
            _ask.stands_still = False
            of.number = 0
            _ask.call.reset(token)
    except BaseException as e:
        _answer_exception(call, e)
    else:
        _acre.done(call, value)


async def _call_async(of, call, function, context, arguments):
    """It is interrupted only where that is caught: while the number stands there."""
    _ask.call.set(of)  # of this task, and of those that it starts
    try:
        try:
            of.number = call
            shape = _shape.of_function(function, bool(context))
            value = await function(*context, **shape.read(arguments))
            shape.check(value)
        finally:
            of.number = 0
    except BaseException as e:
        _forget(call)
        _answer_exception(call, e)
    else:
        _forget(call)
        _acre.done(call, value)


def _forget(call):
    if _trio is not None:
        _trio.forget(call)
    _calls.pop(_tasks.pop(call, None), None)


def _has_ended(call, task):
    """One that was cancelled before its first step has answered nothing."""
    if _tasks.get(call) is task:
        _forget(call)
        _acre.fail(call, Cancelled())


def _begin(call, space, name, arguments, holder):
    function = _functions[space, name]
    context = [Context(holder)] if holder else []
    arguments = {} if arguments is None else arguments
    if not inspect.iscoroutinefunction(function):
        _call_plain(call, function, context, arguments)
        return
    of = _ask.Call(0)
    if _trio is not None:
        _trio.start(call, name, _call_async(of, call, function, context, arguments))
        return
    task = _loop.create_task(_call_async(of, call, function, context, arguments), name=name)
    task.add_done_callback(functools.partial(_has_ended, call))
    _tasks[call] = task
    _calls[task] = of


def _cancel(call):
    """One that runs as a task; a plain one is interrupted."""
    if _trio is not None:
        _trio.cancel(call)
    task = _tasks.get(call)
    if task is not None and _acre.take_cancel(call):
        task.cancel()


def _run_as_main(name):
    """As `python3 -m` does, but that it stays."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(name + ".__main__")
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r} that can be run", name=name)
    module = types.ModuleType("__main__")
    module.__dict__.update(
        __spec__=spec, __file__=spec.origin, __package__=spec.parent, __loader__=spec.loader
    )
    sys.modules["__main__"] = module
    exec(spec.loader.get_code(spec.name), module.__dict__)
    return module


_ask.cancel_call = _cancel


def _module_of(kind, text):
    """The module that a source is, and its namespace."""
    if kind == "module":
        name, _, only = text.partition(":")
        sys.path.insert(0, os.getcwd())
        return importlib.import_module(name), name, only
    if kind == "main":
        sys.path.insert(0, os.getcwd())
        return _run_as_main(text), "main", ""
    module = types.ModuleType("main")
    sys.modules["main"] = module
    file = text if kind == "file" else "<guest>"
    if kind == "file":
        module.__file__ = text
        sys.path.insert(0, os.path.dirname(os.path.abspath(text)))
        with open(text, "rb") as f:
            text = f.read()
    exec(compile(text, file, "exec"), module.__dict__)
    return module, "main", ""


def _names_of(module):
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


def _expose(space, name, function):
    """It may be called by these names from now on."""
    try:
        _ask.ask_still("expose", space=space, name=name, has_context=has_context(function))
    except FileExistsError as e:
        raise RuntimeError(str(e)) from None
    _functions[space, name] = function


def _expose_module(module, space, only):
    for name in [only] if only else _names_of(module):
        function = getattr(module, name)
        if callable(function) and (space, name) not in _functions:
            _expose(space, name, function)


def _status_of(exit):
    """As python3 has it."""
    if exit.code is None or isinstance(exit.code, int):
        return exit.code or 0
    print(exit.code, file=sys.stderr)
    return 1


def _run_script(path):
    """As `python3 PATH` does. What it defines can be called when it opens a nursery."""
    module = types.ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module
    sys.path.insert(0, os.path.dirname(path))
    with open(path, "rb") as f:
        text = f.read()
    _ask.before_nursery = lambda: _expose_module(module, "main", "")
    try:
        exec(compile(text, path, "exec"), module.__dict__)
    except SystemExit as e:
        return _status_of(e)
    finally:
        atexit._run_exitfuncs()  # as at the end of python3, which this process does not reach
    return 0


def _choose_loop(module):
    global _trio
    name = getattr(module, "acre_loop", "asyncio")
    if name == "trio":
        _trio = importlib.import_module("acre._on_trio").Loop()
    elif name != "asyncio":
        raise ValueError(f"acre_loop is 'asyncio' or 'trio', not {name!r}")


def _load(call, kind, text):
    global _plain, _loading, _n_interrupts
    _n_interrupts = 0
    value = None
    of = _ask.Call(call)
    token = _ask.call.set(of)
    try:
        _plain = _loading = call
        try:
            if kind == "script":
                value = _run_script(text)
            elif kind:
                module, space, only = _module_of(kind, text)
                _expose_module(module, space, only)
                _choose_loop(module)
        finally:
            _plain = _loading = None
            of.number = 0
            _ask.call.reset(token)
    except BaseException as e:
        _answer_exception(call, e)
    else:
        _acre.done(call, value)


def _look():
    """Everything that was asked for since the last look. A plain function runs here."""
    while (request := _acre.next()) is not None:
        what, call, *rest = request
        if what == "load":
            _load(call, *rest)
        elif what == "call":
            _begin(call, *rest)
        else:
            _cancel(call)
    if _acre.is_over() and _loop.is_running() and _plain is None:
        _loop.stop()


def _serve_in(loop):
    """Calls are served by the loop that a script runs, while it does."""
    global _loop
    _loop = loop
    loop.add_reader(_acre.fd(), _look)


def _end():
    """What the guest itself has started ends like a cancelled call."""
    left = asyncio.all_tasks(_loop)
    for task in left:
        task.cancel()
    if left:
        _loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


def _run_asyncio():
    _loop.add_reader(_acre.fd(), _look)
    if not _acre.is_over():
        _loop.run_forever()
    _end()


def _flush():
    for file in sys.stdout, sys.stderr:
        if file is not None:
            file.flush()


def _main():
    """In the actor's process, on its main thread, until the actor ends."""
    global _loop
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)
    _loop = own = asyncio.new_event_loop()
    asyncio.set_event_loop(_loop)
    # The source is loaded before the loop runs: it may run one of its own.
    _ask.in_new_loop = _serve_in
    _acre.wait()
    _look()
    _ask.in_new_loop = None
    _loop = own
    try:
        if _trio is not None:
            _trio.run(_look)
        else:
            _run_asyncio()
    except Cancelled:
        pass
    finally:
        _flush()


def _leave():
    """In an interpreter that ends before its process: nothing is left that runs in it."""
    _loop.close()
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()


def _import(name):
    """In the forkserver: what its guests are to have at no cost."""
    directory = os.getcwd()
    if directory not in sys.path:
        sys.path.insert(0, directory)
    importlib.import_module(name)


def _begin_anew():
    """In a process that was forked of a guest's: what that was about is not ours."""
    global _plain, _loading, _trio
    _plain = _loading = _trio = None
    for of_parent in _functions, _tasks, _calls:
        of_parent.clear()
    _ask.begin_anew()
    signal.signal(signal.SIGINT, _interrupted)


def _warm():
    """In the forkserver, once: what all guests have of it stays shared memory."""
    for name in "_nursery", "_portal":
        importlib.import_module("acre." + name)
    signal.signal(signal.SIGINT, _interrupted)
    _flush()  # or each guest would say it again
    gc.collect()
    gc.freeze()
