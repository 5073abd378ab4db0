/* SPDX-License-Identifier: MIT */
/* guest_failure.c - failures on their way to a guest, and back out of it. */
#include <string.h>

#include "actor/guest_ask.h"
#include "base/util.h"
#include "core/report.h"

static void tell_text(struct acre_packer *to, const char *text)
{
	acre_pack_bytes(to, text, strlen(text)); /* it may be cut within a character */
}

static const char *class_of(const struct acre_report *why)
{
	return why->code == ACRE_EGUEST || why->code == ACRE_ENAMED
		       ? acre_class_name(why->code)
		       : why->name;
}

/* Parents come first, so what is packed behind a list's head is what it holds. */
void guest_tell_failure(struct acre_packer *to, const struct acre_report *why)
{
	struct report_walk walk;

	report_walk_begin(&walk, why);
	while ((why = report_walk_next(&walk))) {
		acre_pack_list(to, 6);
		tell_text(to, class_of(why));
		acre_pack_int(to, why->code);
		tell_text(to, why->name);
		tell_text(to, why->message);
		tell_text(to, why->trace);
		acre_pack_list(to, why->n_members);
	}
}

/*
 * The guest's thread.
 */

int guest_fail_again(struct report *rep)
{
	return report_file(report_ref(rep), rep->public_part.code);
}

void guest_forget_failure(struct report *take_report)
{
	report_unref(take_report);
}

struct report *guest_take_failure(int r)
{
	return report_take(r);
}

int guest_fail_group(struct report **take_members, size_t n, size_t n_more,
		     const char *message, const char *trace)
{
	int r = report_group(take_members, (uint32_t)n, (uint32_t)(n + n_more));
	struct report *rep = report_find(report_home_here(), r);
	struct acre_report *p = rep ? report_public(rep) : NULL;

	if (p && n + n_more > 1) { /* one alone goes on as itself */
		acre_ignore(report_set_text(rep, &p->message, message, strlen(message)));
		acre_ignore(report_set_text(rep, &p->trace, trace, strlen(trace)));
	}
	return r;
}
