/* SPDX-License-Identifier: BSD-3-Clause */
/* The nice of exitless-timerd and its scanners: who is to notice a death in 50 ms must not wait behind the host's load.
 */
#ifndef ISOLAT_TIMER_NICE_H
#define ISOLAT_TIMER_NICE_H

/* Where it is not permitted that costs lateness alone: the log says so, of @who. */
void timer_raise_nice(const char *who);

#endif
