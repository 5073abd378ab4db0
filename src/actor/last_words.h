/* SPDX-License-Identifier: MIT */
/* last_words.h - the stderr of a child: passed on as it comes, and its end kept. */
#pragma once

#include <stddef.h>

#include "core/loop.h"

/*
 * The loop reads whatever the child writes, so a child that floods its stderr never
 * blocks for want of a reader (kernel-facts K42). What our own stderr does not take at
 * once is dropped: nobody waits for a reader of ours. Nothing here allocates.
 */

/* Bytes kept: a screen of text, and what a pipe gives in one piece */
#define LAST_WORDS_MAX 4096

struct last_words {
	int fd; /* our end of the child's stderr, owned; -1: there is none, or it has ended */
	struct watch watch;
	size_t len;
	char text[LAST_WORDS_MAX + 1]; /* the newest `len` bytes, then a 0 */
};

static inline void last_words_init(struct last_words *w)
{
	w->fd = -1;
	w->watch = (struct watch){ .fn = NULL };
	w->len = 0;
	w->text[0] = '\0';
}

/* Reads from now on, if there is anything to read from. */
int last_words_watch(struct last_words *w);
/* The child is dead: takes what still lies in the pipe, and closes it. Never waits. */
void last_words_collect(struct last_words *w);
/* What it has said otherwise than by a stderr of its own. */
void last_words_say(struct last_words *w, const char *text);
/* Idempotent. */
void last_words_fini(struct last_words *w);
