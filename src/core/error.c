/* SPDX-License-Identifier: MIT */
/* error.c - the public calls on a failure: filing, noting, asking. */
/*
 * All of them first look for the report in the home of the running task (report.c); what it says
 * is in report_fill.c, and whether a tree of reports is of a class in report_tree.c. None of
 * them can fail.
 */
#include <acre/error.h>

#include <string.h>

#include "base/panic.h"
#include "base/utf8.h"
#include "core/class.h"
#include "core/fiber.h"
#include "core/report.h"

/* Formats on the stack, before anything is filed: the arguments may point into the very report
 * whose place is used again. */
static size_t format(char text[REPORT_TEXT_MAX + 1], const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static size_t format(char text[REPORT_TEXT_MAX + 1], const char *fmt, va_list args)
{
	static const char mark[] = "...";
	int len = vsnprintf(text, REPORT_TEXT_MAX + 1, fmt, args);
	size_t kept;

	if (len < 0) /* a wide character that has no multibyte form */
		len = snprintf(text, REPORT_TEXT_MAX + 1, "(cannot be printed: \"%s\")",
			       fmt);
	if (len <= REPORT_TEXT_MAX)
		return (size_t)len;
	kept = utf8_valid_len(text, REPORT_TEXT_MAX - (sizeof mark - 1));
	memcpy(text + kept, mark, sizeof mark);
	return kept + sizeof mark - 1;
}

int acre_fail_at_(const char *file, int line, int code, const char *fmt, ...)
{
	char text[REPORT_TEXT_MAX + 1];
	uintptr_t pcs[REPORT_PCS_MAX];
	struct report *rep;
	va_list args;
	size_t len, n;
	int r;

	if (code <= 0 || code > ACRE_CLASS_MAX)
		BUG("acre_fail() at %s:%d with class %d: a class is 1 to %d", file, line,
		    code, ACRE_CLASS_MAX);
	if (code == ECANCELED)
		return -ECANCELED;
	va_start(args, fmt);
	len = format(text, fmt, args);
	va_end(args);
	rep = report_file_new(report_home_here(), code, &r);
	rep->public_part.message = report_text(rep, text, len);
	rep->public_part.file = file; /* a literal: it stays where it is */
	rep->public_part.line = line;
	report_say_who(rep);
	n = fiber_backtrace_here(pcs, REPORT_PCS_MAX, 1);
	if (n == 0) /* not the stack of a fiber: the caller is known at least */
		pcs[n++] = (uintptr_t)__builtin_return_address(0);
	if (!rep->is_spare)
		report_set_pcs(rep, pcs, n);
	return r;
}

static void note(struct report *rep, struct acre_note *what, size_t len)
{
	const char *task = rep->public_part.task;
	char path[REPORT_PATH_MAX];
	size_t path_len = report_path_here(path);

	what->text = report_text(rep, what->text, len);
	what->task = strcmp(path, task) == 0 ? task : report_text(rep, path, path_len);
	acre_ignore(report_link_note(rep, what));
}

int acre_note_at_(const char *file, int line, int r, const char *fmt, ...)
{
	char text[REPORT_TEXT_MAX + 1];
	struct acre_note what = { .text = text, .file = file, .line = line };
	struct report_home *home;
	struct report *rep;
	va_list args;
	size_t len;

	if (r >= 0 || report_class(r) == ECANCELED)
		return r;
	va_start(args, fmt);
	len = format(text, fmt, args);
	va_end(args);
	home = report_home_here();
	rep = report_find(home, r);
	rep = rep ? report_own(home, r, rep) : report_file_plain(home, &r);
	if (rep && len > 0)
		note(rep, &what, len);
	return r;
}

int acre_code(int r)
{
	return report_class(r);
}

bool acre_is(int r, int code)
{
	struct report *rep = report_find(report_home_here(), r);

	return rep ? report_is(&rep->public_part, code) : class_is(report_class(r), code);
}

bool acre_has(int r, int code)
{
	struct report *rep = report_find(report_home_here(), r);

	return rep ? report_has(&rep->public_part, code)
		   : class_is(report_class(r), code);
}

uint32_t acre_count(int r)
{
	struct report *rep = report_find(report_home_here(), r);

	return rep ? report_count(&rep->public_part) : r < 0;
}

const struct acre_report *acre_why(int r)
{
	struct report *rep = report_find(report_home_here(), r);

	if (!rep)
		rep = report_made_up(r);
	report_say_pid(rep);
	return &rep->public_part;
}
