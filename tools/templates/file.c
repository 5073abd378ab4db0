/* SPDX-License-Identifier: MIT */
/* @NAME@.c - what it is, in one sentence. */
#include "@PATH@.h"
