/* SPDX-License-Identifier: MIT */
/* package.h - the package acre can be imported. */
#pragma once

/* In the current interpreter, from here on; nothing of it is imported yet. */
int package_offer(void);
