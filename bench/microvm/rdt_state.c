// SPDX-License-Identifier: BSD-3-Clause
#include "rdt_state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_STATE "open the RDT state"

static struct rdt_state *map_file(const char *path, int fd, int writable, struct isolat_error *err)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st)) {
		isolat_fail(err, ISOLAT_FAILED, OPEN_STATE, path, "%s", strerror(errno));
		return NULL;
	}
	if (st.st_size != sizeof(struct rdt_state)) {
		isolat_fail(err, ISOLAT_USAGE, OPEN_STATE, path, "no state file of this version: %lld bytes, not %zu",
			    (long long)st.st_size, sizeof(struct rdt_state));
		return NULL;
	}
	map = mmap(NULL, sizeof(struct rdt_state), PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		isolat_fail(err, ISOLAT_FAILED, OPEN_STATE, path, "%s", strerror(errno));
		return NULL;
	}
	return map;
}

struct rdt_state *rdt_state_open(const char *path, int writable, struct isolat_error *err)
{
	int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	struct rdt_state *state;

	if (fd < 0) {
		isolat_fail(err, ISOLAT_FAILED, OPEN_STATE, path, "%s", strerror(errno));
		return NULL;
	}
	state = map_file(path, fd, writable, err);
	close(fd);
	if (!state)
		return NULL;
	if (state->magic != RDT_STATE_MAGIC || state->version != RDT_STATE_VERSION) {
		isolat_fail(err, ISOLAT_USAGE, OPEN_STATE, path, "no state file of version %d", RDT_STATE_VERSION);
		rdt_state_close(state);
		return NULL;
	}
	return state;
}

void rdt_state_close(struct rdt_state *state)
{
	if (state)
		munmap(state, sizeof(*state));
}

struct rdt_counter *rdt_state_counter(struct rdt_state *state, uint64_t l3, uint64_t rmid, struct isolat_error *err)
{
	if (l3 >= RDT_MAX_L3 || !state->l3[l3].present) {
		isolat_fail(err, ISOLAT_USAGE, "find the counter", "", "the guest has no L3 domain %llu",
			    (unsigned long long)l3);
		return NULL;
	}
	if (rmid >= state->config.rmids) {
		isolat_fail(err, ISOLAT_USAGE, "find the counter", "", "RMID %llu is not below %llu",
			    (unsigned long long)rmid, (unsigned long long)state->config.rmids);
		return NULL;
	}
	return &state->l3[l3].counter[rmid];
}

int rdt_state_find_cpu(const struct rdt_state *state, uint64_t apic_id)
{
	int i, n = state->cpus;

	for (i = 0; i < n; i++) {
		if (state->cpu[i].apic_id == apic_id)
			return i;
	}
	return -1;
}

const char *rdt_vendor_name(uint64_t vendor)
{
	switch (vendor) {
	case RDT_INTEL:
		return "intel";
	case RDT_AMD:
		return "amd";
	default:
		return "?";
	}
}

const char *rdt_feature_name(uint64_t feature)
{
	switch (feature) {
	case RDT_L3:
		return "l3";
	case RDT_L2:
		return "l2";
	case RDT_CDP:
		return "cdp";
	case RDT_MBA:
		return "mba";
	case RDT_SMBA:
		return "smba";
	case RDT_CMT:
		return "cmt";
	case RDT_MBM:
		return "mbm";
	case RDT_NONCONT:
		return "noncont";
	default:
		return "?";
	}
}
