/* SPDX-License-Identifier: MIT */
/* log.c - lines on stderr: from whom, how grave, one line each, never waited for. */
#include "core/log.h"

#include <acre/error.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/quiet.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/loop.h"

/*
 * There is no lock and no buffer: a line is put together on the stack and written by one
 * system call, which the kernel does not mix with another one's. So the watchdog says what
 * it does while the loop stands still wherever it stands.
 */

#define TEXT_MAX 1001 /* with the end: the promise of log.h */
#define HEAD_MAX 224  /* a level, a name, a pid, and how many lines were left out */
/* Each byte of a text may become four, and a pipe takes 4,096 at once */
#define LINE_MAX_ (HEAD_MAX + 4 * 512 + TEXT_MAX)

static const char *const words[ACRE_N_LOG_LEVELS_] = {
#define WORD(name, word, text) [ACRE_LOG_##name] = word,
	ACRE_LOG_LEVELS(WORD)
#undef WORD
};

static struct logger nobody; /* whom threads speak for that nobody has told */
static _Thread_local struct logger *spoken_for;
static _Atomic uint32_t n_left_out;

const char *acre_log_level_name(enum acre_log_level level)
{
	const char *word = (unsigned int)level < ARRAY_N(words) ? words[level] : NULL;

	return word ? word : "";
}

int log_level_find(enum acre_log_level *ret, const char *word)
{
	char choices[128] = "";
	size_t used = 0;

	for (unsigned int i = ACRE_LOG_INHERITED + 1; i < ARRAY_N(words); i++) {
		if (!strcmp(words[i], word)) {
			*ret = (enum acre_log_level)i;
			return 0;
		}
		used += (size_t)snprintf(choices + used, sizeof choices - used, " %s",
					 words[i]);
	}
	return acre_fail(EINVAL, "no level of the log is called \"%.64s\"; they are%s",
			 word, choices);
}

static enum acre_log_level level_of(const struct logger *l)
{
	uint32_t level = atomic_load_explicit(&l->level, memory_order_relaxed);

	return level ? (enum acre_log_level)level : ACRE_LOG_WARNING;
}

void logger_set(struct logger *l, enum acre_log_level level, bool of_process)
{
	atomic_store(&l->level, level);
	if (of_process)
		atomic_store(&nobody.level, level);
}

void logger_speak_for(struct logger *l)
{
	spoken_for = l;
}

struct logger *logger_this(void)
{
	if (loop_this)
		return &loop_this->logger;
	return spoken_for ? spoken_for : &nobody;
}

enum acre_log_level acre_log_level(void)
{
	return level_of(logger_this());
}

/* A line says something, so it is none of level off. */
bool log_is_on(enum acre_log_level level)
{
	return level >= level_of(logger_this()) && level < ACRE_LOG_OFF;
}

/* "debug root[4711]: " */
static size_t put_head(char line[HEAD_MAX], const struct logger *l,
		       enum acre_log_level level, uint32_t n_left)
{
	int n = snprintf(line, HEAD_MAX, "%s %.*s[%d]: ", acre_log_level_name(level),
			 LOGGER_NAME_MAX - 1, l->name, (int)sys_getpid());

	if (n_left)
		n += snprintf(line + n, HEAD_MAX - (size_t)n, "(%u lines left out) ",
			      n_left);
	return (size_t)n;
}

static size_t put_escaped(char *to, size_t room, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (; *text && n + sizeof "\\x00" <= room; text++) {
		unsigned char c = (unsigned char)*text;

		if (!iscntrl(c)) {
			to[n++] = *text;
			continue;
		}
		to[n++] = '\\';
		to[n++] = 'x';
		to[n++] = digits[c >> 4];
		to[n++] = digits[c & 15];
	}
	return n;
}

static void put(enum acre_log_level level, const char *text)
{
	uint32_t n_left = atomic_exchange(&n_left_out, 0);
	char line[LINE_MAX_];
	size_t n = put_head(line, logger_this(), level, n_left);

	n += put_escaped(line + n, sizeof line - n - 1, text);
	line[n++] = '\n';
	if (quiet_write(STDERR_FILENO, line, n) < 0)
		atomic_fetch_add(&n_left_out, n_left + 1);
}

void log_say(enum acre_log_level level, const char *fmt, ...)
{
	char text[TEXT_MAX] = "acre: ";
	size_t head = strlen(text);
	va_list args;

	if (!log_is_on(level))
		return;
	va_start(args, fmt);
	vsnprintf(text + head, sizeof text - head, fmt, args);
	va_end(args);
	put(level, text);
}

void acre_log(enum acre_log_level level, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	if (!log_is_on(level))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	put(level, text);
}
