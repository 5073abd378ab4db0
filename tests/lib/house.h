/* SPDX-License-Identifier: MIT */
/* house.h - the clean house: what a process has, compared before and after. */
#pragma once

#include <stddef.h>

#include "lib/text.h"

struct house {
	char **lines; /* sorted; one for each thing this process has */
	size_t n;
};

/* Looks at this process and, for socket files, below the directory. */
void house_look(struct house *ret, const char *dir);
void house_fini(struct house *house);

/* Says what one has and the other has not. */
void house_compare(const struct house *before, const struct house *after,
		   struct text *to);

/* Says so if LeakSanitizer is linked and finds a leak; its own report goes to stderr. */
void house_check_leaks(struct text *to);
