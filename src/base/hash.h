/* SPDX-License-Identifier: MIT */
/* hash.h - SipHash-1-3, so that nobody outside can choose keys that collide. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Under the key of this process, which is drawn at the first call. */
uint64_t hash_bytes(const void *data, size_t len);

/* Under a given key. */
uint64_t hash_sip13(const uint64_t key[2], const void *data, size_t len);
