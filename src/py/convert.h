/* SPDX-License-Identifier: MIT */
/* convert.h - Python's values as packed ones. */
#pragma once

#include "py/plugin.h"

/* Packs one value: 0, or -1 with a TypeError, OverflowError or RecursionError that names what
 * does not travel. What is beyond a limit of the wire the packer says at its end. */
int convert_pack(PyObject *value, struct acre_packer *to);
