/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clocks of include/isolat/exitless_timer.h, for spin: the guest asks for the host's TSC, publishes a map under
 * map_seq, arms, publishes another map while it is armed; then its TSC jumps (a suspend), and it does so once more. The
 * scanner answers, takes maps, and fires by them. Checked: "early", no arming is consumed before its deadline by the
 * guest's clock.
 *
 * Memory is TSO, as in exitless.pml. Both TSCs run at one rate: the model is of the order of loads and stores, not of
 * the arithmetic. -D names are mutants: see test_model.sh.
 */
#define TMAX 4 /* of the host's TSC */

#define DISARMED 0
#define SEQ	 0
#define ACK	 1
#define SYNC_HOST 2
#define MAP_SEQ	 3
#define MAP_HOST 4
#define MAP_GUEST 5
#define EXPIRY	 6
byte mem[7];

chan guest_stores = [4] of { byte, byte };
chan scan_stores = [2] of { byte, byte };
#define guest_fence len(guest_stores) == 0
#define scan_fence  len(scan_stores) == 0

byte now = 1;	 /* the host's TSC .. */
byte offset = 3; /* .. and how far the guest's is before it */
byte deadline;	 /* of the arming, by the guest's record */

#define guest_now (now + offset)

inline ask()
{
	g = guest_now;
#ifdef NO_QUESTION
	h = now;
#else
	s++;
	guest_stores!SEQ, s;
	mem[ACK] == s;
	h = mem[SYNC_HOST];
#endif
#ifdef UPPER_BOUND
	g = guest_now;
#endif
}

inline publish()
{
	guest_stores!MAP_SEQ, m + 1;
	guest_stores!MAP_HOST, h;
	guest_stores!MAP_GUEST, g;
	m = m + 2;
	guest_stores!MAP_SEQ, m
}

inline arm()
{
	if
	:: deadline = guest_now + 1
	:: deadline = guest_now + 2
	fi;
	guest_stores!EXPIRY, deadline
}

active proctype vcpu()
{
	byte g, h, m, s;

	ask();
	publish();
	arm();
	/* The same relation by another pair: a guest need not ask for each map. */
	h++;
	g++;
	publish();
	/* Suspend: the timer is the LAPIC's, and the map is void before the clock jumps. */
	deadline = 0;
	guest_stores!EXPIRY, DISARMED;
#ifndef NO_VOID
	guest_stores!MAP_SEQ, 0;
#endif
	guest_fence;
	if
	:: offset = 1
	:: offset = 5
	fi;
	ask();
	publish();
	arm()
}

#ifdef OTHER_VOIDS
/* A vCPU that was fired at early voids the map, at whatever moment of the work's: nothing but 0 is to be seen of it. */
active proctype other_vcpu()
{
	mem[MAP_SEQ] = 0
}
#endif

inline take_map()
{
	v = mem[MAP_SEQ];
	if
	:: v == map_seq || v % 2 == 1 /* the one before holds until there is another */
	:: v == 0 && map_seq != 0 -> map_seq = 0
	:: else ->
		h = mem[MAP_HOST];
		g = mem[MAP_GUEST];
		if
#ifdef TORN
		:: true
#else
		:: mem[MAP_SEQ] == v
#endif
			-> map_seq = v; map_host = h; map_guest = g
#ifndef TORN
		:: else
#endif
		fi
	fi;
	v = 0;
	h = 0;
	g = 0
}

/*
 * Sees the question, then reads its clock and the map, then answers. A guest whose clock has jumped voided its map
 * before it asked, and makes the next one when it has the answer: from then on nothing fires by the old one.
 */
inline look_at_header()
{
#ifdef EARLY_TSC
	t = now;
#endif
	q = mem[SEQ];
#ifndef EARLY_TSC
	t = now;
#endif
#ifndef MAP_LAST
	take_map();
#endif
	if
	:: q != seq ->
		seq = q;
		scan_stores!SYNC_HOST, t;
		scan_stores!ACK, q
	:: else
	fi;
#ifdef MAP_LAST
	take_map();
#endif
	q = 0;
	t = 0
}

active proctype scanner()
{
	byte v, h, g, t, q, seq, map_seq, map_host, map_guest;

	do
	:: true ->
		look_at_header();
		if
		:: map_seq != 0 ->
			h = now;
			v = mem[EXPIRY];
			if
			:: v != DISARMED && v <= map_guest + h - map_host ->
				d_step {
					scan_fence;
					if
					:: mem[EXPIRY] == v ->
						mem[EXPIRY] = DISARMED;
						assert(deadline == 0 || guest_now >= deadline) /* early */
					:: else
					fi
				}
			:: else
			fi;
			v = 0;
			h = 0
		:: else
		fi
	od
}

active proctype tso()
{
	byte a, v;

	do
	:: d_step { nempty(guest_stores); guest_stores?a, v; mem[a] = v; a = 0; v = 0 }
	:: d_step { nempty(scan_stores); scan_stores?a, v; mem[a] = v; a = 0; v = 0 }
	od
}

active proctype clock()
{
	do
	:: now < TMAX -> now++
	:: else -> break
	od
}
