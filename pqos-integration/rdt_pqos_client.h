/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The helper process that libpqos lives in (isolat-pqos, pqos_helper.c), seen from isolat's side.
 *
 * libpqos takes SIGALRM and a timer for itself, waits for locks without bound, and aborts its process on machines that
 * it does not expect. So it gets a process of its own, and isolat talks to it over a socket: one JSON object a line
 * asks, one answers. An answer is {"ok": RESULT}, or {"error": {"code", "what", "object", "reason", "hint", "gone"}}.
 *
 * The helper is in a session of its own, so that Ctrl-C ends isolat and not the helper below it, and it ends when its
 * socket does. It is not killed with isolat (no PR_SET_PDEATHSIG): libpqos writes domain by domain, and what isolat had
 * asked for is then done whole. Descriptors that it is given stay open in it: a flock on one lasts until it has ended.
 */
#ifndef ISOLAT_RDT_PQOS_CLIENT_H
#define ISOLAT_RDT_PQOS_CLIENT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include <isolat/error.h>

#define PQOS_HELPER	 "isolat-pqos"
#define PQOS_ANSWER_MS	 10000		    /* how long an answer may take: 100 times what libpqos waits for resctrl */
#define PQOS_LINE_LIMIT	 (16 * 1024 * 1024) /* bytes of an answer: 2 million TIDs */
#define PQOS_CLIENT_KEEP 2		    /* descriptors at most */

struct pqos_client;

/*
 * Starts @program. An answer may take @answer_ms; the descriptors @keep stay open in it, by the same numbers. The
 * caller ends it with pqos_client_end().
 */
int pqos_client_start(const char *program, unsigned int answer_ms, const int *keep, size_t n_keep,
		      struct pqos_client **client, struct isolat_error *err);

/*
 * Asks @request (which it takes over; NULL is for want of memory) and gives what is in "ok"; the caller owns it. A
 * helper that dies, hangs or answers something else is ISOLAT_FAILED, and it is ended: whatever is asked of it later
 * fails too. @gone says whether an error is for want of the thread that was asked for.
 */
int pqos_client_ask(struct pqos_client *client, json_t *request, json_t **result, bool *gone, struct isolat_error *err);

/* Whether it has died, or was ended since it did not answer as it should; and whether by abort(). */
bool pqos_client_has_ended(const struct pqos_client *client);
bool pqos_client_has_aborted(const struct pqos_client *client);

/* Ends it: by closing its socket, or by killing it where that is not enough. Also of NULL. */
void pqos_client_end(struct pqos_client *client);

#endif
