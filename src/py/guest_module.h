/* SPDX-License-Identifier: MIT */
/* guest_module.h - the module _acre, by which guest.py talks to the actor. */
#pragma once

#include "py/plugin.h"

PyObject *guest_module_init(void);
