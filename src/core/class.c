/* SPDX-License-Identifier: MIT */
/* class.c - classes of failures: their numbers, names, parents and meanings. */
/*
 * Three ranges of numbers, each a table that is indexed by it:
 *
 *	1 ...			the kernel's errno values
 *	1001 ...		ACRE_CLASSES of error.h
 *	2048 ... 4095		the application's own, ACRE_ERRORS
 *
 * The application's rows come from each of its source files that has the list, by a constructor that
 * error.h writes there: so they are found wherever that file is linked to, program or module,
 * and the same row comes many times. The table keeps the first; a row that contradicts it
 * stops the program at its start, since two halves of it would misunderstand each other.
 *
 * Rows are never taken out, and a name once given out stays valid: a module that declares
 * classes is not to be unloaded. Readers need no lock.
 */
#include "core/class.h"

#include <stdatomic.h>
#include <string.h>

#include "base/panic.h"
#include "base/util.h"

#define FAMILY_MAX 16 /* parents above parents; an application could declare a circle */

/* clang-format off */
#define ERRNO_CLASSES(E)                                                                 \
	E(EPERM, "operation not permitted")                                              \
	E(ENOENT, "no such file or directory")                                           \
	E(ESRCH, "no such process")                                                      \
	E(EINTR, "interrupted")                                                          \
	E(EIO, "input/output error")                                                     \
	E(ENXIO, "no such device or address")                                            \
	E(E2BIG, "argument list too long")                                               \
	E(ENOEXEC, "not a format that can be executed")                                  \
	E(EBADF, "bad file descriptor")                                                  \
	E(ECHILD, "no child processes")                                                  \
	E(EAGAIN, "resource temporarily unavailable")                                    \
	E(ENOMEM, "out of memory")                                                       \
	E(EACCES, "permission denied")                                                   \
	E(EFAULT, "bad address")                                                         \
	E(ENOTBLK, "block device required")                                              \
	E(EBUSY, "device or resource busy")                                              \
	E(EEXIST, "file exists")                                                         \
	E(EXDEV, "link across file systems")                                             \
	E(ENODEV, "no such device")                                                      \
	E(ENOTDIR, "not a directory")                                                    \
	E(EISDIR, "is a directory")                                                      \
	E(EINVAL, "invalid argument")                                                    \
	E(ENFILE, "too many open files in the system")                                   \
	E(EMFILE, "too many open files")                                                 \
	E(ENOTTY, "not a terminal, or not a request for this device")                    \
	E(ETXTBSY, "program file busy")                                                  \
	E(EFBIG, "file too large")                                                       \
	E(ENOSPC, "no space left on device")                                             \
	E(ESPIPE, "illegal seek")                                                        \
	E(EROFS, "read-only file system")                                                \
	E(EMLINK, "too many links")                                                      \
	E(EPIPE, "broken pipe")                                                          \
	E(EDOM, "argument out of the function's domain")                                 \
	E(ERANGE, "result out of range")                                                 \
	E(EDEADLK, "deadlock avoided")                                                   \
	E(ENAMETOOLONG, "file name too long")                                            \
	E(ENOLCK, "no locks available")                                                  \
	E(ENOSYS, "function not implemented")                                            \
	E(ENOTEMPTY, "directory not empty")                                              \
	E(ELOOP, "too many levels of links")                                             \
	E(ENOMSG, "no message of the desired type")                                      \
	E(EIDRM, "identifier removed")                                                   \
	E(ECHRNG, "channel number out of range")                                         \
	E(EL2NSYNC, "level 2 not synchronized")                                          \
	E(EL3HLT, "level 3 halted")                                                      \
	E(EL3RST, "level 3 reset")                                                       \
	E(ELNRNG, "link number out of range")                                            \
	E(EUNATCH, "protocol driver not attached")                                       \
	E(ENOCSI, "no CSI structure available")                                          \
	E(EL2HLT, "level 2 halted")                                                      \
	E(EBADE, "invalid exchange")                                                     \
	E(EBADR, "invalid request descriptor")                                           \
	E(EXFULL, "exchange full")                                                       \
	E(ENOANO, "no anode")                                                            \
	E(EBADRQC, "invalid request code")                                               \
	E(EBADSLT, "invalid slot")                                                       \
	E(EBFONT, "bad font file format")                                                \
	E(ENOSTR, "device not a stream")                                                 \
	E(ENODATA, "no data available")                                                  \
	E(ETIME, "timer expired")                                                        \
	E(ENOSR, "out of streams resources")                                             \
	E(ENONET, "machine is not on the network")                                       \
	E(ENOPKG, "package not installed")                                               \
	E(EREMOTE, "object is remote")                                                   \
	E(ENOLINK, "link has been severed")                                              \
	E(EADV, "advertise error")                                                       \
	E(ESRMNT, "srmount error")                                                       \
	E(ECOMM, "communication error on send")                                          \
	E(EPROTO, "protocol error")                                                      \
	E(EMULTIHOP, "multihop attempted")                                               \
	E(EDOTDOT, "RFS specific error")                                                 \
	E(EBADMSG, "bad message")                                                        \
	E(EOVERFLOW, "value too large for its type")                                     \
	E(ENOTUNIQ, "name not unique on network")                                        \
	E(EBADFD, "file descriptor in bad state")                                        \
	E(EREMCHG, "remote address changed")                                             \
	E(ELIBACC, "cannot access a needed shared library")                              \
	E(ELIBBAD, "a corrupted shared library")                                         \
	E(ELIBSCN, "corrupted .lib section")                                             \
	E(ELIBMAX, "too many shared libraries")                                          \
	E(ELIBEXEC, "cannot execute a shared library")                                   \
	E(EILSEQ, "invalid or incomplete character")                                     \
	E(ERESTART, "interrupted system call should be restarted")                       \
	E(ESTRPIPE, "streams pipe error")                                                \
	E(EUSERS, "too many users")                                                      \
	E(ENOTSOCK, "not a socket")                                                      \
	E(EDESTADDRREQ, "destination address required")                                  \
	E(EMSGSIZE, "message too long")                                                  \
	E(EPROTOTYPE, "protocol of the wrong type for this socket")                      \
	E(ENOPROTOOPT, "protocol option not available")                                  \
	E(EPROTONOSUPPORT, "protocol not supported")                                     \
	E(ESOCKTNOSUPPORT, "socket type not supported")                                  \
	E(EOPNOTSUPP, "not supported here")                                              \
	E(EPFNOSUPPORT, "protocol family not supported")                                 \
	E(EAFNOSUPPORT, "address family not supported")                                  \
	E(EADDRINUSE, "address already in use")                                          \
	E(EADDRNOTAVAIL, "address not available")                                        \
	E(ENETDOWN, "network is down")                                                   \
	E(ENETUNREACH, "network is unreachable")                                         \
	E(ENETRESET, "connection dropped by the network")                                \
	E(ECONNABORTED, "connection aborted")                                            \
	E(ECONNRESET, "connection reset by peer")                                        \
	E(ENOBUFS, "no buffer space available")                                          \
	E(EISCONN, "already connected")                                                  \
	E(ENOTCONN, "not connected")                                                     \
	E(ESHUTDOWN, "cannot send after shutdown")                                       \
	E(ETOOMANYREFS, "too many references")                                           \
	E(ETIMEDOUT, "timed out")                                                        \
	E(ECONNREFUSED, "connection refused")                                            \
	E(EHOSTDOWN, "host is down")                                                     \
	E(EHOSTUNREACH, "no route to host")                                              \
	E(EALREADY, "already in progress or done")                                       \
	E(EINPROGRESS, "now in progress")                                                \
	E(ESTALE, "stale file handle")                                                   \
	E(EUCLEAN, "structure needs cleaning")                                           \
	E(ENOTNAM, "not a XENIX named type file")                                        \
	E(ENAVAIL, "no XENIX semaphores available")                                      \
	E(EISNAM, "is a named type file")                                                \
	E(EREMOTEIO, "remote input/output error")                                        \
	E(EDQUOT, "disk quota exceeded")                                                 \
	E(ENOMEDIUM, "no medium found")                                                  \
	E(EMEDIUMTYPE, "wrong medium type")                                              \
	E(ECANCELED, "cancelled")                                                        \
	E(ENOKEY, "required key not available")                                          \
	E(EKEYEXPIRED, "key has expired")                                                \
	E(EKEYREVOKED, "key has been revoked")                                           \
	E(EKEYREJECTED, "key was rejected")                                              \
	E(EOWNERDEAD, "owner died")                                                      \
	E(ENOTRECOVERABLE, "state not recoverable")                                      \
	E(ERFKILL, "not possible because of a radio switch")                             \
	E(EHWPOISON, "memory page has a hardware error")

/* Second names of the same numbers. */
#define ERRNO_ALIASES(A)                                                                 \
	A(EWOULDBLOCK) A(EDEADLOCK) A(ENOTSUP)
/* clang-format on */

#define AS_ERRNO_ROW(name, text) [name] = { name, 0, #name, text },
#define AS_ALIAS_ROW(name)       { name, 0, #name, "" },
#define AS_OWN_ROW(number, name, parent, text)                                           \
	[number - OWN_FIRST] = { number, parent, "ACRE_" #name, text },

#define OWN_FIRST ACRE_EREMOTE

static const struct acre_class_row errno_rows[] = { ERRNO_CLASSES(AS_ERRNO_ROW) };
static const struct acre_class_row alias_rows[] = { ERRNO_ALIASES(AS_ALIAS_ROW) };
static const struct acre_class_row own_rows[] = { ACRE_CLASSES(AS_OWN_ROW) };

_Static_assert(ARRAY_N(errno_rows) <= OWN_FIRST, "errno values end below our own");

#define APPLICATION_N (ACRE_CLASS_MAX - ACRE_CLASS_APPLICATION + 1)

typedef _Atomic(const struct acre_class_row *) row_slot;
static row_slot application_rows[APPLICATION_N];
static _Atomic int n_application; /* all rows are below; gaps are NULL */

static const struct acre_class_row *row_of_application(int number)
{
	return atomic_load_explicit(&application_rows[number - ACRE_CLASS_APPLICATION],
				    memory_order_acquire);
}

/* NULL: no class has this number. */
static const struct acre_class_row *row_of(int number)
{
	const struct acre_class_row *row = NULL;

	if (number >= ACRE_CLASS_APPLICATION && number <= ACRE_CLASS_MAX)
		return row_of_application(number);
	if (number >= OWN_FIRST && number < OWN_FIRST + (int)ARRAY_N(own_rows))
		row = &own_rows[number - OWN_FIRST];
	else if (number > 0 && number < (int)ARRAY_N(errno_rows))
		row = &errno_rows[number];
	return row && row->name ? row : NULL;
}

const char *acre_class_name(int code)
{
	const struct acre_class_row *row = row_of(code);

	return row ? row->name : "<unknown>";
}

bool class_is_known(int code)
{
	return row_of(code);
}

const char *acre_class_text(int code)
{
	const struct acre_class_row *row = row_of(code);

	return row ? row->text : "no class that this program knows";
}

static int find(const struct acre_class_row *rows, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].name && strcmp(rows[i].name, name) == 0)
			return rows[i].number;
	return 0;
}

static int find_application(const char *name)
{
	int end = ACRE_CLASS_APPLICATION + atomic_load(&n_application);
	const struct acre_class_row *row;

	for (int number = ACRE_CLASS_APPLICATION; number < end; number++) {
		row = row_of_application(number);
		if (row && strcmp(row->name, name) == 0)
			return number;
	}
	return 0;
}

int acre_class_number(const char *name)
{
	int number = find(own_rows, ARRAY_N(own_rows), name);

	if (number == 0)
		number = find(errno_rows, ARRAY_N(errno_rows), name);
	if (number == 0)
		number = find(alias_rows, ARRAY_N(alias_rows), name);
	return number ? number : find_application(name);
}

int class_of_name(const char *name)
{
	int number = acre_class_number(name);

	return number ? number : ACRE_ENAMED;
}

int class_parent(int code)
{
	const struct acre_class_row *row = row_of(code);

	return row ? row->parent : 0;
}

bool class_is(int code, int ancestor)
{
	for (int i = 0; i < FAMILY_MAX && code > 0; i++) {
		if (code == ancestor)
			return true;
		code = class_parent(code);
	}
	return false;
}

static void refuse(const struct acre_class_row *row, const struct acre_class_row *other)
{
	if (!other)
		BUG("class %s has number %d: an application's are %d to %d", row->name,
		    row->number, ACRE_CLASS_APPLICATION, ACRE_CLASS_MAX);
	BUG("class %s (number %d, parent %d) contradicts class %s (number %d, parent %d)"
	    ": all source files must have the same ACRE_ERRORS",
	    row->name, row->number, row->parent, other->name, other->number,
	    other->parent);
}

static bool is_same(const struct acre_class_row *a, const struct acre_class_row *b)
{
	return a->number == b->number && a->parent == b->parent &&
	       strcmp(a->name, b->name) == 0;
}

static void add(const struct acre_class_row *row)
{
	const struct acre_class_row *old;
	int i = row->number - ACRE_CLASS_APPLICATION;

	if (i < 0 || i >= APPLICATION_N)
		refuse(row, NULL);
	old = row_of_application(row->number);
	if (!old)
		old = row_of(acre_class_number(row->name));
	if (old && !is_same(old, row))
		refuse(row, old);
	if (old)
		return;
	atomic_store_explicit(&application_rows[i], row, memory_order_release);
	if (i >= atomic_load(&n_application))
		atomic_store(&n_application, i + 1);
}

/* Constructors run one after the other, also in modules that are loaded by several threads. */
void acre_class_register_(const struct acre_class_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(&rows[i]);
}
