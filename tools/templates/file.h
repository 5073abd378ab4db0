/* SPDX-License-Identifier: MIT */
/* @NAME@.h - what it is, in one sentence. */
#pragma once

/*
 * The idea; the invariants; what is not here.
 */
