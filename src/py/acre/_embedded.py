# SPDX-License-Identifier: MIT
# _embedded.py - the modules of acre come out of the plug-in, not out of files.
"""Run first of all, with `sources`: the name of each module -> its text."""

import importlib.abc
import importlib.util
import sys


class _Embedded(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def find_spec(self, name, path, target=None):
        if name not in sources:  # noqa: F821
            return None
        origin = name.replace(".", "/") + ("/__init__.py" if self.is_package(name) else ".py")
        spec = importlib.util.spec_from_loader(name, self, origin=origin)
        spec.has_location = False
        return spec

    def is_package(self, name):
        return name == "acre"

    def get_source(self, name):
        return sources[name]  # noqa: F821

    def get_code(self, name):
        path = "acre/" + ("__init__" if name == "acre" else name.partition(".")[2]) + ".py"
        return self.source_to_code(self.get_source(name), path)


sys.meta_path.insert(0, _Embedded())
