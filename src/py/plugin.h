/* SPDX-License-Identifier: MIT */
/* plugin.h - what the files of the plug-in share: Python, the host's calls, and the gates of versions. */
#pragma once

/* First of all, as its manual wants it. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "actor/python.h"

/*
 * One source for all versions from 3.11 on. What differs is decided here, by what was
 * measured of each; what a version claims is tried out besides (probe.c).
 */
#if PY_VERSION_HEX < 0x030b0000
#error "Python 3.11 or newer is needed"
#endif

/* Interpreters by configuration; module slots that say what a module bears. */
#define PLUGIN_HAS_CONFIG (PY_VERSION_HEX >= 0x030c0000)

/* A module says whether it needs the GIL, where there can be none. */
#define PLUGIN_HAS_GIL_SLOT (PY_VERSION_HEX >= 0x030d0000)

/* 3.12.1 corrupts the heap as soon as such an interpreter has imported _asyncio or ssl. */
#define PLUGIN_HAS_OWN_GIL (PY_VERSION_HEX >= 0x030d0000)

/* What the library has given us. */
extern const struct python_host *plugin_host;

/* A failure of this place, filed where the library files its own. */
#define PLUGIN_FAIL(code, ...) \
	plugin_host->acre_fail_at_(__FILE__, __LINE__, (code), __VA_ARGS__)
