/* SPDX-License-Identifier: MIT */
/* base64.h - bytes as text that JSON can carry (RFC 4648, section 4). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of the text, with its end. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

void base64_write(char *ret, const uint8_t *bytes, size_t len);
/* At most len / 4 * 3 bytes, whose number is returned; -EINVAL. */
ssize_t base64_read(uint8_t *ret, const char *text, size_t len);
