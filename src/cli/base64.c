/* SPDX-License-Identifier: MIT */
/* base64.c - four letters for three bytes, and back. */
#include "cli/base64.h"

#include <errno.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			      "0123456789+/";

void base64_write(char *ret, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += 3) {
		uint32_t group = (uint32_t)bytes[i] << 16;

		if (i + 1 < len)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < len)
			group |= bytes[i + 2];
		*ret++ = letters[group >> 18];
		*ret++ = letters[group >> 12 & 63];
		*ret++ = i + 1 < len ? letters[group >> 6 & 63] : '=';
		*ret++ = i + 2 < len ? letters[group & 63] : '=';
	}
	*ret = '\0';
}

ssize_t base64_read(uint8_t *ret, const char *text, size_t len)
{
	const uint8_t *begin = ret;
	uint32_t group = 0;
	size_t n = len;

	while (n && len - n < 2 && text[n - 1] == '=')
		n--;
	if (len % 4)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		const char *at = text[i] ? strchr(letters, text[i]) : NULL;

		if (!at)
			return -EINVAL;
		group = group << 6 | (uint32_t)(at - letters);
		if (i % 4) /* its upper bits are whole bytes by now */
			*ret++ = (uint8_t)(group >> (6 - 2 * (i % 4)));
	}
	return ret - begin;
}
