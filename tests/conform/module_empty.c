/* SPDX-License-Identifier: MIT */
/* module_empty.c - a module that loads and has no endpoint. */
extern int module_empty_is_here;
int module_empty_is_here = 1;
