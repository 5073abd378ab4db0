/* SPDX-License-Identifier: MIT */
/* wordtree.c - counts lines, words and bytes of every regular file below a directory, with an actor per core. */
#include <acre.h>

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * One task walks the directory and puts paths into a channel. For each worker, an actor,
 * one task takes paths out of it and sends them over a stream, and another receives the
 * counts: credits let a few dozen paths be under way to each, so a worker with large
 * files simply takes fewer. A file that cannot be read is an answer like any other.
 *
 * What a word is, is what `LC_ALL=C wc -w` says: text between white space with at least
 * one printable character.
 */

#define WORKERS_MAX  64	 /* more cores than that wait for the disk anyway */
#define PATHS_QUEUED 256 /* in the channel: enough that no worker waits for the walk */
#define READ_SIZE    (64 * 1024)
#define BAR_WIDTH    40
#define BAR_EVERY_MS 50

#define FILE_JOB(F)  F(struct acre_bytes, path)
#define FILE_COUNT(F)      \
	F(uint64_t, lines) \
	F(uint64_t, words) F(uint64_t, bytes) F(int, error) F(struct acre_bytes, path)
ACRE_MSG(file_job, FILE_JOB)
ACRE_MSG(file_count, FILE_COUNT)

/*
 * In the worker.
 */

static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void count_bytes(struct file_count *sum, const unsigned char *text, size_t len,
			bool *in_word)
{
	sum->bytes += len;
	for (size_t i = 0; i < len; i++) {
		sum->lines += text[i] == '\n';
		if (is_space(text[i])) {
			sum->words += *in_word;
			*in_word = false;
		} else if (text[i] > ' ' && text[i] <= '~') {
			*in_word = true;
		}
	}
}

/* An errno is part of the answer; only cancellation ends the work. */
static int count_file(const char *path, struct file_count *sum)
{
	/* an actor reads one file at a time; it may be a thread beside others */
	static _Thread_local unsigned char text[READ_SIZE];
	bool in_word = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : 1;
	int r = 0;

	while (r >= 0 && n > 0) {
		n = read(fd, text, sizeof text);
		if (n > 0)
			count_bytes(sum, text, (size_t)n, &in_word);
		r = acre_checkpoint();
	}
	sum->error = n < 0 ? errno : 0;
	sum->words += in_word;
	if (fd >= 0)
		close(fd);
	return r;
}

ACRE_CONTEXT(count_files, acre_nil, .kind = ACRE_ENDPOINT_STREAM)
{
	struct file_job job;
	char path[4096];
	int r;

	while ((r = acre_recv(ctx, file_job, &job)) > 0) {
		struct file_count c = { .error = 0 };

		snprintf(path, sizeof path, "%.*s", (int)job.path.len,
			 (const char *)job.path.data);
		r = count_file(path, &c);
		if (r >= 0)
			r = acre_send(ctx, file_count, .lines = c.lines, .words = c.words,
				      .bytes = c.bytes, .error = c.error,
				      .path = { path, c.error ? strlen(path) : 0 });
		if (r < 0)
			break;
	}
	return r;
}

/*
 * In the root.
 */

struct totals {
	uint64_t files, lines, words, bytes, unreadable;
};

struct count {
	const char *dir;
	struct acre_chan paths; /* of char *, owned by who takes one out */
	char *ring[PATHS_QUEUED];
	uint64_t found, done;
	bool walked;
};

struct worker {
	struct count *count;
	struct acre_actor *actor;
	struct acre_context *ctx;
	struct totals totals;
};

static int offer(struct count *count, const char *path)
{
	char *copy = strdup(path);
	int r = copy ? acre_chan_send(&count->paths, &copy)
		     : acre_fail(ENOMEM, "no memory for a path");

	if (r < 0)
		free(copy);
	else
		count->found++;
	return r;
}

ACRE_TASK(walk, struct count *count)
{
	char *const roots[] = { (char *)(uintptr_t)count->dir, NULL };
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int r = tree ? 0 : acre_fail(errno, "walking %s", count->dir);

	while (r >= 0 && (e = fts_read(tree))) {
		if (e->fts_info == FTS_F)
			r = offer(count, e->fts_path);
		else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR ||
			 e->fts_info == FTS_NS)
			fprintf(stderr, "wordtree: %s: %s\n", e->fts_path,
				strerror(e->fts_errno));
	}
	if (tree)
		fts_close(tree);
	count->walked = true;
	acre_chan_close(&count->paths);
	return r;
}

ACRE_TASK(feed, struct worker *w)
{
	char *path;
	int r;

	while ((r = acre_chan_recv(&w->count->paths, &path)) > 0) {
		r = acre_send(w->ctx, file_job, .path = { path, strlen(path) });
		free(path);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : acre_finish(w->ctx);
}

static void add(struct worker *w, const struct file_count *c)
{
	w->count->done++;
	if (c->error) {
		fprintf(stderr, "wordtree: %.*s: %s\n", (int)c->path.len,
			(const char *)c->path.data, strerror(c->error));
		w->totals.unreadable++;
		return;
	}
	w->totals.files++;
	w->totals.lines += c->lines;
	w->totals.words += c->words;
	w->totals.bytes += c->bytes;
}

ACRE_TASK(drive, struct worker *w)
{
	struct acre_nil none = { 0 };
	struct file_count c;
	int r = 0;

	ACRE_OPEN(ctx, r, w->actor, count_files, &none) {
		w->ctx = ctx;
		ACRE_NURSERY(n, r) {
			r = acre_go(&n, feed, w);
			while (r >= 0 && (r = acre_recv(ctx, file_count, &c)) > 0)
				add(w, &c);
		}
	}
	return acre_note(r, "reading the counts of %s", acre_actor_name(w->actor));
}

static void draw_bar(const struct count *count)
{
	int full = count->found ? (int)(count->done * BAR_WIDTH / count->found) : 0;

	fprintf(stderr, "\r[%.*s%*s] %llu of %llu files%s ", full,
		"########################################", BAR_WIDTH - full, "",
		(unsigned long long)count->done, (unsigned long long)count->found,
		count->walked ? "" : " so far");
}

ACRE_TASK(show_progress, struct count *count)
{
	int r = isatty(STDERR_FILENO) ? 0 : 1;

	while (r == 0 && !(count->walked && count->done == count->found)) {
		draw_bar(count);
		r = acre_sleep(acre_ms(BAR_EVERY_MS));
	}
	if (r <= 0)
		fprintf(stderr, "\r%*s\r", BAR_WIDTH + 40, "");
	return r < 0 ? r : 0;
}

static int count_all(struct count *count, struct worker *workers, long n_workers)
{
	char name[32];
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, walk, count);
		if (r >= 0)
			r = acre_go(&n, show_progress, count);
		for (long i = 0; i < n_workers && r >= 0; i++) {
			snprintf(name, sizeof name, "counter_%ld", i);
			workers[i].count = count;
			r = acre_spawn(&n, &workers[i].actor, .name = name);
			if (r >= 0)
				r = acre_go(&n, drive, &workers[i]);
		}
	}
	return r;
}

static void print_row(const char *name, const struct totals *t)
{
	printf("%-12s %9llu %12llu %12llu %14llu %10llu\n", name,
	       (unsigned long long)t->files, (unsigned long long)t->lines,
	       (unsigned long long)t->words, (unsigned long long)t->bytes,
	       (unsigned long long)t->unreadable);
}

static uint64_t print_table(const struct worker *workers, long n_workers, double seconds)
{
	struct totals all = { 0 };
	char name[32];

	printf("%-12s %9s %12s %12s %14s %10s\n", "actor", "files", "lines", "words",
	       "bytes", "unreadable");
	for (long i = 0; i < n_workers; i++) {
		const struct totals *t = &workers[i].totals;

		snprintf(name, sizeof name, "counter_%ld", i);
		print_row(name, t);
		all.files += t->files;
		all.lines += t->lines;
		all.words += t->words;
		all.bytes += t->bytes;
		all.unreadable += t->unreadable;
	}
	print_row("total", &all);
	printf("%.2f s, %.0f files/s\n", seconds,
	       seconds > 0 ? (double)all.files / seconds : 0);
	return all.unreadable;
}

/* Paths that nobody took, after a failure. */
static void free_rest(struct count *count)
{
	char *path;

	while (acre_chan_try_recv(&count->paths, &path) > 0)
		free(path);
}

ACRE_MAIN()
{
	static struct worker workers[WORKERS_MAX];
	struct count count = { .dir = argc == 2 ? argv[1] : NULL };
	long n_workers = sysconf(_SC_NPROCESSORS_ONLN);
	acre_instant begun = acre_now();
	struct stat st;
	int r;

	if (!count.dir || stat(count.dir, &st) < 0 || !S_ISDIR(st.st_mode)) {
		fprintf(stderr,
			"usage: wordtree DIRECTORY: counts the lines, words and bytes of "
			"all files below it%s%s\n",
			count.dir ? "; not a directory: " : "",
			count.dir ? count.dir : "");
		return 2;
	}
	n_workers = n_workers < 1 ? 1 : n_workers > WORKERS_MAX ? WORKERS_MAX : n_workers;
	acre_chan_init(&count.paths, sizeof *count.ring, count.ring, PATHS_QUEUED);
	r = count_all(&count, workers, n_workers);
	free_rest(&count);
	if (r < 0)
		return r;
	return print_table(workers, n_workers,
			   (double)acre_between(begun, acre_now()).ns / 1e9)
		       ? 1
		       : 0;
}
