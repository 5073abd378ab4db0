/* SPDX-License-Identifier: MIT */
/* story.c - what writing and reading a story share: names, texts, and maps by key. */
#include "actor/story.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "core/class.h"

/*
 * Two names travel for a class: its own in the map `acre`, where it is one that not
 * everybody knows by number, and in the plain fields the name of the type that the
 * reference would have raised.
 */

/* class, name. Of several rows of a class the first one is written, of a name the first
 * one read. */
#define NAMES(N)                                  \
	N(ACRE_ECTXC, "ContextCancelled")         \
	N(ACRE_EOVERRUN, "StreamOverrun")         \
	N(ACRE_ETYPE, "MsgTypeError")             \
	N(ACRE_ETYPE, "TypeError")                \
	N(ACRE_ENOTEXPOSED, "ModuleNotExposed")   \
	N(ACRE_ENOENDPOINT, "AttributeError")     \
	N(ACRE_ECLOSED, "TransportClosed")        \
	N(ACRE_ECLOSED, "ClosedResourceError")    \
	N(ACRE_ECLOSED, "BrokenResourceError")    \
	N(ACRE_EBOOT, "ActorFailure")             \
	N(ACRE_EDIED, "ActorFailure")             \
	N(ACRE_ETOOSLOW, "ActorTooSlowError")     \
	N(ACRE_ENORUNTIME, "NoRuntime")           \
	N(ACRE_EGROUP, "ExceptionGroup")          \
	N(ACRE_EGROUP, "BaseExceptionGroup")      \
	N(ACRE_EREMOTE, "RemoteActorError")       \
	N(ACRE_ELAGGED, "Lagged")                 \
	N(ACRE_EGUESTCANCEL, "AsyncioCancelled")  \
	N(ACRE_EGUESTEXIT, "AsyncioTaskExited")   \
	N(ACRE_EHOSTEXIT, "TrioTaskExited")       \
	N(ACRE_EQUIT, "BdbQuit")                  \
	N(ACRE_ENOTTYLOCK, "DebugRequestError")   \
	N(EPROTO, "MessagingError")               \
	N(EPROTO, "InternalError")                \
	N(EINVAL, "ValueError")                   \
	N(ENOMEM, "MemoryError")                  \
	N(ETIMEDOUT, "TooSlowError")              \
	N(ETIMEDOUT, "TimeoutError")              \
	N(EINTR, "KeyboardInterrupt")             \
	N(EPIPE, "BrokenPipeError")               \
	N(EPIPE, "ConnectionError")               \
	N(ECONNRESET, "ConnectionResetError")     \
	N(ECONNREFUSED, "ConnectionRefusedError") \
	N(ENOENT, "FileNotFoundError")            \
	N(EEXIST, "FileExistsError")              \
	N(EACCES, "PermissionError")              \
	N(EPERM, "PermissionError")               \
	N(ESRCH, "ProcessLookupError")            \
	N(ECHILD, "ChildProcessError")            \
	N(EAGAIN, "BlockingIOError")              \
	N(EOPNOTSUPP, "NotImplementedError")

struct name_row {
	int class;
	const char *name;
};

#define AS_NAME_ROW(class, name) { class, name },
static const struct name_row names[] = { NAMES(AS_NAME_ROW) };

const char *story_name_of(int class)
{
	for (size_t i = 0; i < ARRAY_N(names); i++)
		if (names[i].class == class)
			return names[i].name;
	return NULL;
}

/* A cancellation is no failure: nobody can make it one of ours by sending its name. */
int story_class_of(struct slice name)
{
	char text[STORY_NAME_MAX];
	int class;

	if (!name.p || name.len >= sizeof text)
		return ACRE_ENAMED;
	snprintf(text, sizeof text, "%.*s", (int)name.len, name.p);
	class = acre_class_number(text);
	if (class > 0 && class != ECANCELED)
		return class;
	for (size_t i = 0; i < ARRAY_N(names); i++)
		if (strcmp(names[i].name, text) == 0)
			return names[i].class;
	return ACRE_ENAMED;
}

/*
 * Texts.
 */

static void append_as_utf8(struct buf *to, const char *text, size_t len)
{
	size_t n;

	while (len > 0) {
		n = utf8_valid_len(text, len);
		acre_ignore(buf_append(to, text, n));
		if (n < len) {
			acre_ignore(buf_append(to, "?", 1));
			n++;
		}
		text += n;
		len -= n;
	}
}

static bool is_inside_char(char c)
{
	return (c & 0xc0) == 0x80;
}

/* Without memory less of it. */
struct slice story_append_text(struct buf *to, const char *text, size_t max)
{
	static const char mark[] = " [...] ";
	size_t at = buf_len(to), len = strlen(text), head = len, tail = len;

	if (len > max) {
		head = (max - (sizeof mark - 1)) / 2;
		tail = len - head;
		while (head > 0 && is_inside_char(text[head]))
			head--;
		while (tail < len && is_inside_char(text[tail]))
			tail++;
	}
	append_as_utf8(to, text, head);
	if (len > max) {
		acre_ignore(buf_append(to, mark, sizeof mark - 1));
		append_as_utf8(to, text + tail, len - tail);
	}
	if (buf_len(to) == at)
		return slice_of("");
	return (struct slice){ (const char *)buf_bytes(to) + at, buf_len(to) - at };
}

size_t story_count_hops(const struct acre_report *why)
{
	size_t n = 0;

	while (why->hops && why->hops[n])
		n++;
	return n;
}

/*
 * Maps by key.
 */

#define AS_STORY_ROW(key, form, field) \
	{ key, STORY_##form, offsetof(struct story, field) },
#define AS_DEATH_ROW(key, form, field) \
	{ key, STORY_##form, offsetof(struct story_death, field) },

static const struct story_key story_keys[] = { STORY_KEYS(AS_STORY_ROW) };
static const struct story_key death_keys[] = { DEATH_KEYS(AS_DEATH_ROW) };

const struct story_map story_map = { story_keys, ARRAY_N(story_keys) };
const struct story_map story_map_of_death = { death_keys, ARRAY_N(death_keys) };

static bool is_empty(const struct story_key *key, const void *field)
{
	switch (key->form) {
	case STORY_WHOLE:
		return *(const uint32_t *)field == 0;
	case STORY_TRUTH:
		return !*(const bool *)field;
	case STORY_TEXT:
	case STORY_PACKED:
		return ((const struct slice *)field)->len == 0;
	}
	return true;
}

static void write_value(struct pack_writer *w, const struct story_key *key,
			const void *field)
{
	const struct slice *s = field;

	switch (key->form) {
	case STORY_WHOLE:
		pack_u64(w, *(const uint32_t *)field);
		return;
	case STORY_TRUTH:
		pack_bool(w, *(const bool *)field);
		return;
	case STORY_TEXT:
		pack_str(w, s->p, s->len);
		return;
	case STORY_PACKED:
		pack_raw(w, s->p, s->len);
		return;
	}
}

void story_map_write(struct pack_writer *w, const struct story_map *map, const void *from)
{
	const char *base = from;
	size_t n = 0;

	for (size_t i = 0; i < map->n; i++)
		n += !is_empty(&map->keys[i], base + map->keys[i].offset);
	pack_map(w, n);
	for (size_t i = 0; i < map->n; i++) {
		if (is_empty(&map->keys[i], base + map->keys[i].offset))
			continue;
		pack_cstr(w, map->keys[i].name);
		write_value(w, &map->keys[i], base + map->keys[i].offset);
	}
}

static void read_value(struct pack_reader *in, const struct story_key *key, void *field)
{
	struct slice *s = field;
	struct pack_str text;
	struct pack_bytes bytes;

	switch (key->form) {
	case STORY_WHOLE:
		*(uint32_t *)field = (uint32_t)pack_read_uint(in, UINT32_MAX);
		return;
	case STORY_TRUTH:
		*(bool *)field = pack_read_bool(in);
		return;
	case STORY_TEXT:
		text = pack_read_str(in);
		*s = (struct slice){ text.s, text.len };
		return;
	case STORY_PACKED:
		bytes = pack_read_raw(in);
		*s = (struct slice){ (const char *)bytes.p, bytes.len };
		return;
	}
}

static const struct story_key *find_key(const struct story_map *map, struct pack_str name)
{
	for (size_t i = 0; i < map->n; i++)
		if (pack_str_is(name, map->keys[i].name))
			return &map->keys[i];
	return NULL;
}

void story_map_read(struct pack_reader *in, const struct story_map *map, void *ret)
{
	const struct story_key *key;

	for (size_t n = pack_read_map(in); n > 0; n--) {
		key = find_key(map, pack_read_str(in));
		if (key)
			read_value(in, key, (char *)ret + key->offset);
		else
			pack_skip(in);
	}
}
