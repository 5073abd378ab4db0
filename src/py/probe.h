/* SPDX-License-Identifier: MIT */
/* probe.h - what this Python can do here, found out by doing it. */
#pragma once

#include "actor/python.h"

/* See struct python_plugin. */
int probe_run(struct python_probe *ret);
