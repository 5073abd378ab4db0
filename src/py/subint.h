/* SPDX-License-Identifier: MIT */
/* subint.h - a source runs in an interpreter beside the main one. */
#pragma once

#include "actor/python.h"

/* See struct python_plugin. */
int subint_begin(void);
int subint_run(const struct python_source *source, struct acre_packer *to);
int subint_main_run(const struct python_source *source, struct acre_packer *to);
