/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The values of a profile, from their words. Strict: decimal digits only, no sign, no exponent, no leading zero, a unit
 * wherever there is more than one, and at most one blank before it. What is not exactly understood is refused.
 */
#ifndef ISOLAT_PROFILE_VALUES_H
#define ISOLAT_PROFILE_VALUES_H

#include "profile.h"

/* Why a value is refused. */
struct profile_why {
	const char *key; /* whose value: left to the caller */
	char reason[200];
	char hint[160]; /* or empty */
	bool no_memory; /* then the rest does not matter */
};

/* All return 0, or -1 with @why filled. */
int profile_bool(const char *text, bool *value, struct profile_why *why);
int profile_integer(const char *text, unsigned int min, unsigned int max, unsigned int *value, struct profile_why *why);
int profile_bytes(const char *text, uint64_t min, uint64_t *value, struct profile_why *why);
int profile_cache(const char *text, struct profile_amount *amount, struct profile_why *why);
int profile_bandwidth(const char *text, struct profile_amount *amount, struct profile_why *why);

/* One of @words, which ends with NULL; its index. */
int profile_word(const char *text, const char *const *words, unsigned int *index, struct profile_why *why);

/* What the text has to look like; nothing is converted. */
int profile_check_name(const char *text, struct profile_why *why);
int profile_check_text(const char *text, struct profile_why *why);
int profile_check_cgroup(const char *text, struct profile_why *why);
int profile_check_cpus(const char *text, struct profile_why *why);

__attribute__((format(printf, 2, 3))) int profile_refuse(struct profile_why *why, const char *format, ...);

/* @text in single quotes, cut when long, for a message. */
struct profile_quoted {
	char text[48];
};
struct profile_quoted profile_quote(const char *text);

/* Those of @words (until NULL) that @text was probably meant to be, or NULL. */
const char *profile_nearest(const char *text, const char *const *words);

/* A hint on @words: the nearest to @text, or all. */
void profile_hint_words(const char *text, const char *const *words, char *hint, size_t size);

#endif
