/* SPDX-License-Identifier: MIT */
/* status.c - a page that says how an actor is doing, to whoever has it mapped. */
#include "core/status.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "base/util.h"

#define AS_TEXT(name, text) [STATUS_##name] = text,
static const char *const texts[] = { STATUS_STATES(AS_TEXT) };

const char *status_state_text(uint32_t state)
{
	return state < N_STATUS_STATE ? texts[state] : "?";
}

void status_name_task(struct status *s, uint32_t task, const char *name)
{
	struct status_name *to = &s->names[task % STATUS_NAMES];
	size_t len = strnlen(name, STATUS_NAME_MAX - 1);

	to->task = 0;
	atomic_signal_fence(memory_order_release);
	memcpy(to->text, name, len);
	to->text[len] = '\0';
	atomic_signal_fence(memory_order_release);
	to->task = task;
}

bool status_task_name(const struct status *s, uint32_t task, char ret[STATUS_NAME_MAX])
{
	struct status_name name = s->names[task % STATUS_NAMES];
	bool known = task != 0 && name.task == task;

	if (!known)
		name = (struct status_name){ .text = "?" };
	memcpy(ret, name.text, STATUS_NAME_MAX);
	ret[STATUS_NAME_MAX - 1] = '\0';
	return known;
}

static int map(void **ret, int fd, int protection)
{
	*ret = NULL;
	return sys_mmap(ret, STATUS_SIZE, protection, MAP_SHARED, fd, 0);
}

int status_make(const struct status **ret, int *ret_fd)
{
	auto_close int fd = sys_memfd_create("acre-status", MFD_ALLOW_SEALING);
	void *page;
	int r = fd;

	if (r >= 0)
		r = sys_ftruncate(fd, STATUS_SIZE);
	if (r >= 0)
		r = sys_fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	if (r >= 0)
		r = map(&page, fd, PROT_READ);
	if (r < 0)
		return r;
	*ret = page;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int status_join(struct status **ret, int fd)
{
	struct stat st;
	void *page;
	int r = sys_fstat(fd, &st);

	if (r >= 0 && (!S_ISREG(st.st_mode) || st.st_size != STATUS_SIZE))
		r = -EBADF;
	if (r >= 0)
		r = map(&page, fd, PROT_READ | PROT_WRITE);
	if (r < 0)
		return r;
	*ret = page;
	return 0;
}

void *status_unmap(const struct status *s)
{
	if (s)
		acre_ignore(sys_munmap((void *)(uintptr_t)s, STATUS_SIZE));
	return NULL;
}
