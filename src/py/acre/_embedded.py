# SPDX-License-Identifier: MIT
# _embedded.py - the modules of acre come out of the plug-in, not out of files.
"""Run first of all, with `sources`: the name of each module -> its text."""

import sys

from _frozen_importlib import ModuleSpec


class Embedded:
    """Finds and loads them. Imports nothing: an interpreter may never ask for one."""

    @staticmethod
    def _path(name):
        return name.replace(".", "/") + ("/__init__.py" if name == "acre" else ".py")

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in sources:  # noqa: F821
            return None
        return ModuleSpec(name, cls, origin=cls._path(name), is_package=name == "acre")

    @staticmethod
    def create_module(spec):
        return None

    @classmethod
    def exec_module(cls, module):
        name = module.__name__
        exec(compile(cls.get_source(name), cls._path(name), "exec"), module.__dict__)

    @staticmethod
    def get_source(name):
        return sources[name]  # noqa: F821


sys.meta_path.insert(0, Embedded)
