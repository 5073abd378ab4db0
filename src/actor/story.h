/* SPDX-License-Identifier: MIT */
/* story.h - the story of a failure as it travels: what its two ends have in common. */
#pragma once

#include "core/report.h"
#include "wire/msg.h"

/*
 * The map `acre` of an Error (doc/PROTOCOL.md, B6). One for the failure itself, and
 * below it, in `nodes`, one for each of its members and causes: flat, parents first,
 * each with the index of its parent. What is zero or empty is not sent; unknown keys
 * are skipped.
 *
 * key, form, field. WHOLE: a number up to 2^32 - 1; PACKED: one value of several parts.
 */
#define STORY_KEYS(K)                                                                   \
	K("class", WHOLE, class)                                                        \
	K("name", TEXT, name) /* of a class whose number means nothing elsewhere */     \
	K("src", PACKED, src) /* uid of the actor that it happened in */                \
	K("host", TEXT, host)                                                           \
	K("pid", WHOLE, pid)                                                            \
	K("task", TEXT, task)                                                           \
	K("file", TEXT, file)                                                           \
	K("line", WHOLE, line)                                                          \
	K("msg", TEXT, msg)                                                             \
	K("notes", PACKED, notes) /* array of [text, file, line, task] */               \
	K("path", PACKED, path) /* uids of the actors that it passed; of a node only */ \
	K("bt", PACKED, bt)	/* array of [module, offset] */                         \
	K("mods", PACKED, mods) /* array of [path, build id] */                         \
	K("trace", TEXT, trace) /* a backtrace that came as text */                     \
	K("died", PACKED, died)                                                         \
	K("cancel", PACKED, cancel) /* map: reason, canceller */                        \
	K("more", WHOLE, more)                                                          \
	K("up", WHOLE, up)                                                              \
	K("nodes", PACKED, nodes)

/* The map `died`. */
#define DEATH_KEYS(K)                              \
	K("signal", WHOLE, signal)                 \
	K("status", WHOLE, status)                 \
	K("core", TRUTH, core)                     \
	K("kill", TRUTH, kill) /* our hard kill */ \
	K("oom", TRUTH, oom)                       \
	K("step", TEXT, step)                      \
	K("errno", WHOLE, error)                   \
	K("stderr", TEXT, last_words)

#define STORY_TYPE_WHOLE	      uint32_t
#define STORY_TYPE_TRUTH	      bool
#define STORY_TYPE_TEXT		      struct slice
#define STORY_TYPE_PACKED	      struct slice
#define STORY_FIELD(key, form, field) STORY_TYPE_##form field;

struct story {
	STORY_KEYS(STORY_FIELD)
};

struct story_death {
	DEATH_KEYS(STORY_FIELD)
};

enum story_form { STORY_WHOLE, STORY_TRUTH, STORY_TEXT, STORY_PACKED };

struct story_key {
	const char *name;
	enum story_form form;
	size_t offset;
};

/* The keys of a map, and the struct that they are the fields of. */
struct story_map {
	const struct story_key *keys;
	size_t n;
};

extern const struct story_map story_map, story_map_of_death;

/* Writes the fields that are not empty as one map. */
void story_map_write(struct pack_writer *w, const struct story_map *map,
		     const void *from);
/* Into a zeroed struct. What it points to is what `in` reads. */
void story_map_read(struct pack_reader *in, const struct story_map *map, void *ret);

/* The reference's name of a class; NULL if it has none. */
const char *story_name_of(int class);
/* The class of a name, ours or the reference's; ACRE_ENAMED if there is none. */
int story_class_of(struct slice name);

/* How the reference says an errno value that it has no type for: in the text. */
#define STORY_OS_ERROR	    "OSError"
#define STORY_OS_ERROR_HEAD "[Errno "

#define STORY_NAME_MAX	    128 /* bytes of a class's name that travels, with the end */

/* Appends a text that may be any bytes as UTF-8: what is none becomes `?`. At most max
 * bytes (16 or more), of a longer text the beginning and the end. */
struct slice story_append_text(struct buf *to, const char *text, size_t max);

size_t story_count_hops(const struct acre_report *why);

/* The map `acre` of at most max bytes, appended to `out`. -ENOMEM. */
int story_tree_write(struct buf *out, struct report *rep, size_t max);
#define STORY_TREE_MIN \
	((size_t)32 * REPORT_NODES_MAX) /* enough to name the class of each */
