/* SPDX-License-Identifier: MIT */
/* text.c - a text of bounded size: the beginning and the end of however much came. */
#define _GNU_SOURCE
#include "lib/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_BYTES 4096
#define DRAIN_READS 64 /* four pipes of the usual 64 KiB */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t head_len(const struct text *text)
{
	return smaller(text->len, TEXT_HALF);
}

void text_add(struct text *text, const char *bytes, size_t len)
{
	size_t n = smaller(len, TEXT_HALF - head_len(text));

	memcpy(text->head + head_len(text), bytes, n);
	text->len += n;
	for (; n < len; n++)
		text->tail[text->len++ % TEXT_HALF] = bytes[n];
}

void text_say(struct text *text, const char *fmt, ...)
{
	char *line;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&line, fmt, args);
	va_end(args);
	if (len < 0)
		abort();
	text_add(text, line, (size_t)len);
	text_add(text, "\n", 1);
	free(line);
}

bool text_drain(struct text *text, int fd)
{
	char bytes[DRAIN_BYTES];
	ssize_t n;

	for (int i = 0; i < DRAIN_READS; i++) {
		n = read(fd, bytes, sizeof bytes);
		if (n > 0)
			text_add(text, bytes, (size_t)n);
		else if (n == 0)
			return false;
		else if (errno != EINTR)
			return errno == EAGAIN;
	}
	return true;
}

char *text_string(const struct text *text)
{
	size_t behind = text->len - head_len(text);
	size_t kept = smaller(behind, TEXT_HALF);
	FILE *f;
	char *string;
	size_t len;

	f = open_memstream(&string, &len);
	if (!f)
		abort();
	fwrite(text->head, 1, head_len(text), f);
	if (behind > kept)
		fprintf(f, "\n[... %zu bytes left out ...]\n", behind - kept);
	for (size_t i = text->len - kept; i < text->len; i++)
		fputc(text->tail[i % TEXT_HALF], f);
	if (fclose(f) != 0)
		abort();
	for (size_t i = 0; i < len; i++)
		if (string[i] == '\0')
			string[i] = '?';
	return string;
}

bool text_has(const struct text *text, const char *part)
{
	char *string = text_string(text);
	bool has = strstr(string, part) != NULL;

	free(string);
	return has;
}

void text_print(const struct text *text, FILE *f, const char *prefix)
{
	char *string = text_string(text), *rest = string, *line;

	while ((line = strsep(&rest, "\n")))
		if (rest || *line)
			fprintf(f, "%s%s\n", prefix, line);
	free(string);
}
