/* SPDX-License-Identifier: MIT */
/* dir.h - the directory of a test. */
#pragma once

#include <fts.h>

#define DIR_LEN 80
#define DIR_RUN "run" /* in it, of mode 0700: XDG_RUNTIME_DIR */

/* Makes a fresh directory. */
void dir_make(char ret_path[DIR_LEN]);

/* Makes it that of this process and its children: test_dir(), TMPDIR, XDG_RUNTIME_DIR. */
void dir_use(const char *path);

/* fts_read(); and MemorySanitizer, which does not see into libc, is told of what it wrote. */
FTSENT *dir_next(FTS *fts);

/* Removes it with all that is in it. */
void dir_remove(const char *path);
