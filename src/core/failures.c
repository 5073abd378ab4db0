/* SPDX-License-Identifier: MIT */
/* failures.c - the failures of a nursery's members, and the one that they are together. */
/*
 * When an actor dies, whoever talks with it is told at once that its link is closed, and a little
 * later its parent is told how it died. That is one event, and to the nursery that holds them
 * both one failure: the death, with what the others had noted. Which reports tell of the same
 * end is a number in them (report.h).
 *
 * A failure that tells of anything else as well stays a failure of its own.
 */
#include "core/failures.h"

#include "base/fault.h"
#include "base/util.h"

void failures_init(struct failures *f)
{
	f->n = f->n_kept = f->n_beyond = 0;
	f->beyond = 0;
}

static bool is_death(const struct report *rep)
{
	return rep && rep->of_end && rep->public_part.death;
}

/* Whether it, or each failure of a group, tells of this end. */
static bool tells_of(struct report *rep, uint64_t end)
{
	const struct acre_report *why;
	struct report_walk w;

	if (!rep || PLANTED(DEATH_TOLD_TWICE))
		return false;
	report_walk_begin(&w, &rep->public_part);
	while ((why = report_walk_next(&w))) {
		if (why->code == ACRE_EGROUP && why->n_members && !why->n_more)
			continue;
		if (report_of(why)->of_end != end)
			return false;
		report_walk_skip(&w);
	}
	return true;
}

/* The notes of a report, or of each of a group. */
static void copy_notes(struct report *to, const struct report *from)
{
	const struct acre_report *why;
	struct report_walk w;

	report_walk_begin(&w, &from->public_part);
	while ((why = report_walk_next(&w))) {
		for (const struct acre_note *n = why->notes; n; n = n->next)
			acre_ignore(
				report_add_note(to, n->text, n->file, n->line, n->task));
		if (why->code != ACRE_EGROUP)
			report_walk_skip(&w);
	}
}

static bool has_notes(const struct report *rep)
{
	return rep->public_part.code == ACRE_EGROUP || rep->public_part.notes;
}

/* The death, with what the other one noted. Takes both; others may have the death, too. */
static struct report *folded(struct report *death, struct report *other)
{
	struct report *both =
		has_notes(other) ? report_new(death->public_part.code) : NULL;

	if (both) {
		report_copy(both, death);
		copy_notes(both, other);
		report_unref(death);
	}
	report_unref(other);
	return both ? both : death;
}

/* A death takes in what was told of it before. Takes the report. */
static struct report *take_in(struct failures *f, struct report *death)
{
	const uint64_t end = death->of_end;
	uint32_t n_left = 0;

	for (uint32_t i = 0; i < f->n_kept; i++) {
		if (tells_of(f->kept[i], end))
			death = folded(death, f->kept[i]);
		else
			f->kept[n_left++] = f->kept[i];
	}
	f->n -= f->n_kept - n_left;
	f->n_kept = n_left;
	if (f->beyond == end) {
		f->n -= f->n_beyond;
		f->n_beyond = 0;
	}
	return death;
}

/* The kept death that this one tells of; n_kept if there is none. */
static uint32_t find_death(const struct failures *f, struct report *rep)
{
	uint32_t i = 0;

	while (i < f->n_kept &&
	       !(is_death(f->kept[i]) && tells_of(rep, f->kept[i]->of_end)))
		i++;
	return i;
}

static void count_beyond(struct failures *f, struct report *take_report, int r)
{
	uint64_t end = take_report ? take_report->of_end : 0;

	f->n = (uint32_t)size_min((size_t)f->n + acre_count(r), UINT32_MAX);
	if (!f->beyond)
		f->beyond = end;
	if (end && end == f->beyond)
		f->n_beyond++;
	report_unref(take_report);
}

void failures_add(struct failures *f, int r)
{
	struct report *rep = report_take(r);
	uint32_t i = find_death(f, rep);

	if (i < f->n_kept) {
		f->kept[i] = folded(f->kept[i], rep);
		return;
	}
	if (is_death(rep))
		rep = take_in(f, rep);
	if (!f->n)
		f->first = -report_class(r);
	if (f->n_kept == FAILURES_KEPT) {
		count_beyond(f, rep, r);
		return;
	}
	f->kept[f->n_kept++] = rep; /* a group counts its own */
	f->n++;
}

int failures_result(struct failures *f)
{
	if (f->n == 1 && f->n_kept == 1)
		return report_file(f->kept[0],
				   f->kept[0] ? f->kept[0]->public_part.code : -f->first);
	return report_group(f->kept, f->n_kept, f->n);
}
