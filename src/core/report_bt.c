/* SPDX-License-Identifier: MIT */
/* report_bt.c - the backtrace of a report, as addresses and by modules. */
/*
 * A failure of this process has addresses (pcs), taken by frame pointers when it was filed; that
 * has to be fast. One that came from another process has modules and offsets. To send and
 * to print, both are wanted by modules: for our own that is found out when it is asked for.
 */
#include "core/report.h"

#include <string.h>

#define PATH_LEN_MAX     1024
#define BUILD_ID_LEN_MAX 64

static int keep_module(struct report *rep, struct symbol_module *ret,
		       const struct symbol_module *m)
{
	uint8_t *build_id = NULL;

	*ret = (struct symbol_module){
		.path = report_text(rep, m->path, strnlen(m->path, PATH_LEN_MAX)),
	};
	if (!m->build_id || m->build_id_len == 0 || m->build_id_len > BUILD_ID_LEN_MAX)
		return 0;
	build_id = report_alloc(rep, m->build_id_len);
	if (!build_id)
		return -ENOMEM;
	memcpy(build_id, m->build_id, m->build_id_len);
	ret->build_id = build_id;
	ret->build_id_len = m->build_id_len;
	return 0;
}

static int keep(struct report *rep, const struct symbol_bt *bt)
{
	struct symbol_bt *kept = report_alloc(rep, sizeof *kept);
	struct symbol_module *modules;
	struct symbol_frame *frames;
	int r = 0;

	modules = report_alloc(rep, bt->n_modules * sizeof *modules);
	frames = report_alloc(rep, bt->n_frames * sizeof *frames);
	if (!kept || !modules || !frames)
		return -ENOMEM;
	for (uint32_t i = 0; i < bt->n_modules && r >= 0; i++)
		r = keep_module(rep, &modules[i], &bt->modules[i]);
	if (r < 0)
		return r;
	memcpy(frames, bt->frames, bt->n_frames * sizeof *frames);
	*kept = (struct symbol_bt){
		.modules = modules,
		.frames = frames,
		.n_modules = bt->n_modules,
		.n_frames = bt->n_frames,
	};
	rep->bt = kept;
	return 0;
}

int report_set_remote_bt(struct report *rep, const struct symbol_bt *bt)
{
	struct symbol_bt some = *bt;

	some.n_frames = (uint32_t)size_min(bt->n_frames, REPORT_PCS_MAX);
	some.n_modules = (uint32_t)size_min(bt->n_modules, REPORT_PCS_MAX);
	for (uint32_t i = 0; i < some.n_frames; i++)
		if (some.frames[i].module >= some.n_modules)
			return -EPROTO;
	return some.n_frames ? keep(rep, &some) : 0;
}

/* Index of the module in the list, which it joins if it is new. */
static uint32_t list_module(struct symbol_module *modules, uint32_t *n,
			    const struct symbol_module *m)
{
	for (uint32_t i = 0; i < *n; i++)
		if (strcmp(modules[i].path, m->path) == 0)
			return i;
	modules[*n] = *m;
	return (*n)++;
}

static void find_modules(struct report *rep)
{
	const struct acre_report *why = &rep->public_part;
	struct symbol_module modules[REPORT_PCS_MAX], m;
	struct symbol_frame frames[REPORT_PCS_MAX];
	struct symbol_bt bt = { .modules = modules, .frames = frames };

	for (uint32_t i = 0; i < why->n_pcs; i++) {
		if (symbol_module(why->pcs[i], &m, &frames[i].offset) < 0) {
			m = (struct symbol_module){ .path = "" };
			frames[i].offset = why->pcs[i];
		}
		frames[i].module = list_module(modules, &bt.n_modules, &m);
	}
	bt.n_frames = why->n_pcs;
	acre_ignore(keep(rep, &bt));
}

const struct symbol_bt *report_bt(struct report *rep)
{
	if (!rep->bt && rep->public_part.n_pcs)
		find_modules(rep);
	return rep->bt;
}
