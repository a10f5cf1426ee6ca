// SPDX-License-Identifier: BSD-3-Clause
#include "trace_merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kbuffer.h>

/* In the second word of a page: records before it were lost. kbuffer forgets it when the page begins with a long gap.
 */
#define PAGE_MISSED_EVENTS (1UL << 31)

struct buffer {
	int fd;
	uint32_t cpu;
	bool dry;  /* found empty since the last trace_merge_allow() */
	bool lost; /* to be told */
	struct kbuffer *page;
	void *bytes;
	void *data; /* of the next record; NULL: the page is used up */
	unsigned long long ns;
};

struct trace_merge {
	size_t n, page_size;
	struct buffer *buffers;
	struct buffer *taken; /* its record was returned: step over it */
	uint64_t until_ns;
};

struct trace_merge *trace_merge_new(void)
{
	struct trace_merge *merge = calloc(1, sizeof(*merge));

	if (merge)
		merge->page_size = sysconf(_SC_PAGESIZE);
	return merge;
}

int trace_merge_add(struct trace_merge *merge, uint32_t cpu, int fd, struct isolat_error *err)
{
	struct buffer *buffers = realloc(merge->buffers, (merge->n + 1) * sizeof(*buffers)), *b;

	if (!buffers)
		return isolat_fail(err, ISOLAT_FAILED, "read trace", NULL, "out of memory");
	merge->buffers = buffers;
	b = &buffers[merge->n];
	*b = (struct buffer){ .fd = fd, .cpu = cpu };
	b->bytes = malloc(merge->page_size);
	b->page = kbuffer_alloc(KBUFFER_LSIZE_SAME_AS_HOST, KBUFFER_ENDIAN_SAME_AS_HOST);
	if (b->bytes && b->page) {
		merge->n++;
		return 0;
	}
	free(b->bytes);
	kbuffer_free(b->page);
	return isolat_fail(err, ISOLAT_FAILED, "read trace", NULL, "out of memory");
}

void trace_merge_free(struct trace_merge *merge)
{
	if (!merge)
		return;
	for (size_t i = 0; i < merge->n; i++) {
		close(merge->buffers[i].fd);
		free(merge->buffers[i].bytes);
		kbuffer_free(merge->buffers[i].page);
	}
	free(merge->buffers);
	free(merge);
}

void trace_merge_allow(struct trace_merge *merge, uint64_t until_ns)
{
	merge->until_ns = until_ns;
	for (size_t i = 0; i < merge->n; i++)
		merge->buffers[i].dry = false;
}

/* Loads pages until there is one with a record, or no more of them. */
static int refill(const struct trace_merge *merge, struct buffer *b, struct isolat_error *err)
{
	unsigned long commit;
	ssize_t n;

	while (!b->data && !b->dry) {
		n = read(b->fd, b->bytes, merge->page_size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return isolat_fail(err, ISOLAT_FAILED, "read trace", NULL, "CPU %u: %s", b->cpu,
					   strerror(errno));
		if (n <= 0) {
			b->dry = true;
		} else if ((size_t)n < merge->page_size || kbuffer_load_subbuffer(b->page, b->bytes)) {
			return isolat_fail(err, ISOLAT_FAILED, "read trace", NULL, "CPU %u: not a page of a trace",
					   b->cpu);
		} else {
			memcpy(&commit, (char *)b->bytes + sizeof(uint64_t), sizeof(commit));
			b->lost |= commit & PAGE_MISSED_EVENTS;
			b->data = kbuffer_read_event(b->page, &b->ns);
		}
	}
	return 0;
}

static int refill_all(struct trace_merge *merge, struct isolat_error *err)
{
	for (size_t i = 0; i < merge->n; i++)
		if (!merge->buffers[i].data && refill(merge, &merge->buffers[i], err))
			return -1;
	return 0;
}

/* A loss to be told, else the earliest record. */
static struct buffer *choose(const struct trace_merge *merge)
{
	struct buffer *first = NULL;

	for (size_t i = 0; i < merge->n; i++) {
		struct buffer *b = &merge->buffers[i];

		if (b->data && b->lost)
			return b;
		if (b->data && (!first || b->ns < first->ns))
			first = b;
	}
	return first && first->ns <= merge->until_ns ? first : NULL;
}

int trace_merge_next(struct trace_merge *merge, struct trace_record *record, struct isolat_error *err)
{
	struct buffer *b = merge->taken;

	if (b)
		b->data = kbuffer_next_event(b->page, &b->ns);
	merge->taken = NULL;
	if (refill_all(merge, err))
		return -1;
	b = choose(merge);
	if (!b)
		return 0;
	*record = (struct trace_record){ .ns = b->ns, .cpu = b->cpu };
	if (b->lost) {
		b->lost = false;
		return 1;
	}
	record->data = b->data;
	record->size = kbuffer_event_size(b->page);
	merge->taken = b;
	return 1;
}
