/* SPDX-License-Identifier: MIT */
/* probe.h - what this Python can do here, found out by doing it. */
#pragma once

#include "actor/python.h"

#define PROBE_WHY_MAX 64 /* bytes of a reason, with the end */

/* Tries one out in a child, where Python has been started. */
bool probe_one(enum python_ability ability, char why_not[PROBE_WHY_MAX]);

/* See struct python_plugin. */
int probe_run(struct python_probe *ret);
