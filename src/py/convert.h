/* SPDX-License-Identifier: MIT */
/* convert.h - Python's values as packed ones, and back. */
#pragma once

#include "py/plugin.h"

/* Packs one value: 0, or -1 with a TypeError, OverflowError or RecursionError that names what
 * does not travel. What is beyond a limit of the wire the packer says at its end. */
int convert_pack(PyObject *value, struct acre_packer *to);

/* The first of packed values: a new reference, or NULL with an exception. An extension, which
 * has no form in Python, is one. */
PyObject *convert_unpack(struct acre_value from);
