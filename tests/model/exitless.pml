/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The protocol of include/isolat/exitless_timer.h, for spin: one slot, its vCPU, the scanner that serves it, the daemon
 * that watches the scanner, and whatever goes wrong with them. tests/model/test_model.sh runs it.
 *
 * What is checked
 *   double	no arming is delivered to the guest's clockevent handler twice, and none that was cancelled
 *   early	none is delivered before its deadline
 *   lost	at rest, no arming is left undelivered
 *   stuck	at rest, the guest is on the exitless timer if a scanner lives, and on its LAPIC if none does
 *   unanswered	at rest, a living scanner has answered the guest's question for the time
 * and, by a run for non-progress cycles (there are no progress labels), that every run comes to rest: nothing is proven
 * by assuming that a scheduler is fair. Polling is a guard: a look that finds nothing changes nothing.
 *
 * Memory is x86's: TSO. Each CPU has a FIFO of stores that reach memory at any later time; a fence waits until it is
 * empty, a locked instruction acts on memory with it empty, and the vCPU's loads of its own slot see its own stores.
 * Signalling an eventfd and writing the doorbell take locks in the kernel, so both are fences. A store that a fence
 * follows at once is written to memory directly.
 *
 * Timeouts are not timed: a scanner may be thought dead from the moment that it "stalls", and it may go on from there.
 * A stall is any pause between two beats of EXITLESS_DEAD_MS or more: SIGSTOP, a CPU taken away.
 *
 * -D: ARMS (armings and cancels), TMAX (deadlines); PARK=0 (a 1.0 agent), GUEST_MINOR=0 (a 1.0 guest); FAULTS (so often
 * the scanner is killed or stalls, or the daemon is killed), RESTARTS; WATCH (a vCPU watches; without it the daemon is
 * not killed); ASK (the guest asks for the time once). All other names are mutants: see test_model.sh.
 */
#ifndef ARMS
#define ARMS 2
#endif
#ifndef TMAX
#define TMAX 2
#endif
#ifndef PARK
#define PARK 1
#endif
#ifndef GUEST_MINOR
#define GUEST_MINOR 1
#endif
#ifndef RESTARTS
#define RESTARTS 1
#endif
#ifndef FAULTS
#define FAULTS 0
#endif

#define DISARMED 0 /* of EXPIRY; deadlines are 1 .. TMAX */
#define AWAKE	 0 /* of WAKE */
#define NEVER	 7
#define RUNS	 1 /* of STATE */
#define DEAD	 2

/* The page, as memory has it. */
#define EXPIRY 0
#define WAKE   1
#define STATE  2
#define GEN    3
#define SEQ    4
#define ACK    5
byte mem[6];

/* Stores on their way to it: of the vCPU, and of the CPUs of scanners of even and odd generations. */
chan guest_stores = [2] of { byte, byte };
chan scan_stores[2] = [3] of { byte, byte };
#define guest_fence len(guest_stores) == 0
#define scan_fence  len(scan_stores[me]) == 0

byte now;	/* the guest's TSC */
bool irq, bell; /* the slot's MSI; the doorbell's eventfd */

/* The host's processes. */
byte gen; /* the daemon's count of scanners */
bool start[2], alive[2], kill[2];
bool stalled;	  /* the present scanner has not beaten for EXITLESS_DEAD_MS */
bool daemon_gone; /* it was killed */

/* The guest's own record. None of it is on the page. */
byte deadline;	    /* of the arming that its clockevent device waits for; 0: none */
byte expiry_stored; /* its last store of EXPIRY .. */
byte expiry_queued; /* .. and how many such stores memory does not have yet */
bool on_lapic = true;
bool work;	   /* something is to be done about the agent, outside the interrupt */
byte served_by;	   /* generation of the agent that it uses */
byte thought_dead; /* generation that was seen without heartbeat */
byte ops = ARMS;
bool asked;

#define due(t)	    ((t) != DISARMED && (t) <= now)
#define own_expiry  (expiry_queued > 0 -> expiry_stored : mem[EXPIRY])
#define is_dead	    (gen > 0 && !start[gen % 2] && !alive[gen % 2])
#define may_use	    (v == RUNS && g != thought_dead)

/* ---- The guest ---- */

inline store_expiry(value)
{
	d_step {
		nfull(guest_stores);
		guest_stores!EXPIRY, value;
		expiry_stored = value;
		expiry_queued++
	}
}

/* The clockevent's handler runs. */
inline deliver()
{
	d_step {
		assert(deadline != 0);	 /* double */
		assert(now >= deadline); /* early */
		deadline = 0
	}
}

inline arm_slot()
{
	store_expiry(deadline);
#if GUEST_MINOR >= 1
#ifndef NO_FENCE
	guest_fence;
#endif
	if
	:: deadline < mem[WAKE] -> bell = true
	:: else
	fi
#endif
}

inline interrupt()
{
	irq = false;
	if
	:: on_lapic
	:: else ->
		v = own_expiry;
		if
#ifdef NAIVE_IRQ
		:: v == DISARMED -> deliver()
#else
		:: v == DISARMED && deadline != 0 -> deliver()
#endif
		:: due(v) -> store_expiry(DISARMED); deliver()
		:: else
		fi
	fi;
	v = mem[STATE];
	g = mem[GEN];
	d_step {
		work = work || may_use == on_lapic || (may_use && g != served_by);
		v = 0;
		g = 0
	}
}

/* Interrupts are off: a CPU changes its clockevent device. The timer that is armed goes along. */
inline look_at_agent()
{
	work = false;
	v = mem[STATE];
	g = mem[GEN];
	if
	:: may_use && on_lapic ->
		d_step { on_lapic = false; served_by = g }
		if
		:: deadline != 0 -> arm_slot()
		:: else
		fi
	:: may_use && !on_lapic -> served_by = g
	:: !may_use && !on_lapic ->
		store_expiry(DISARMED);
		on_lapic = true
	:: else
	fi;
	d_step { v = 0; g = 0 }
}

proctype vcpu()
{
	byte v, g;

	do
	:: irq -> interrupt()
	:: work -> look_at_agent()
	:: on_lapic && due(deadline) -> deliver()
	:: ops > 0 -> /* arm, or arm anew */
		d_step { ops--; v = 1 }
		do
		:: v < TMAX -> v++
		:: break
		od;
		atomic { deadline = v; v = 0 }
		if
		:: on_lapic
		:: else -> arm_slot()
		fi
	:: ops > 0 && deadline != 0 -> /* cancel */
		d_step { ops--; deadline = 0 }
		if
		:: on_lapic
		:: else -> store_expiry(DISARMED)
		fi
	:: ops > 0 -> ops = 0 /* no more */
#ifdef ASK
	:: !asked && !on_lapic ->
		d_step { nfull(guest_stores); guest_stores!SEQ, 1; asked = true }
#ifndef NO_ASK_FENCE
		guest_fence;
#endif
		if
		:: mem[WAKE] != AWAKE -> bell = true
		:: else
		fi
#endif
	od
}

/*
 * Another vCPU, on its LAPIC. Dead is the generation whose heart it saw standing still: another may have come since. One
 * that beats again, for long enough, is trusted again.
 */
proctype watcher()
{
	byte g;

	do
	:: d_step { (is_dead || stalled) && mem[GEN] != 0 && mem[GEN] != thought_dead; g = mem[GEN] }
		d_step { thought_dead = g; work = true; g = 0 }
#ifndef NO_SECOND_TRUST
	:: d_step {
		alive[gen % 2] && !stalled && thought_dead != 0 && thought_dead == mem[GEN];
		thought_dead = 0;
		work = true
	}
#endif
	od
}

/* ---- The scanner ---- */

inline signal()
{
	d_step { scan_fence; irq = true }
}

inline fire()
{
	if
#ifdef NO_CMPXCHG
	:: mem[EXPIRY] == e -> scan_stores[me]!EXPIRY, DISARMED; signal()
#else
	:: d_step { scan_fence && mem[EXPIRY] == e; mem[EXPIRY] = DISARMED }
#ifndef NO_SIGNAL
		signal()
#endif
#endif
	:: scan_fence && mem[EXPIRY] != e
	fi;
	e = 0
}

/* Is there something to do before @w after all? */
inline last_pass()
{
#ifdef NO_LAST_PASS
	skip
#else
	d_step {
		e = mem[EXPIRY];
		if
		:: e != DISARMED && e < w -> e = 1
#if defined(ASK) && !defined(NO_ASK_PASS)
		:: mem[SEQ] != mem[ACK] -> e = 1
#endif
		:: else -> e = 0
		fi
	}
#endif
}

/* Sleeps until @w, before which nothing was due as the slot was last read, or until rung. */
inline park()
{
	scan_stores[me]!WAKE, w;
#ifndef NO_AGENT_FENCE
	scan_fence;
#endif
	last_pass();
#ifdef BELL_LATE
	bell = false;
#endif
	if
	:: e != 0
	:: e == 0 && (bell || w <= now || stalled || daemon_gone)
	fi;
#ifndef BELL_LATE
	bell = false;
#endif
	scan_stores[me]!WAKE, AWAKE;
	d_step { e = 0; w = 0 }
}

/* What a pass looks at, before it is worth parking. */
#ifdef PARK_BUSY
#define may_park (!due(mem[EXPIRY]) && !stalled && !daemon_gone)
#else
#define may_park (!due(mem[EXPIRY]) && mem[SEQ] == mem[ACK] && !stalled && !daemon_gone)
#endif

inline take_over()
{
	scan_stores[me]!GEN, gen;
	scan_stores[me]!WAKE, AWAKE;
#ifdef KICK_EARLY
	signal();
	scan_stores[me]!STATE, RUNS
#else
	scan_stores[me]!STATE, RUNS;
#ifndef NO_TAKEOVER_KICK
	signal()
#endif
#endif
}

proctype scanner(byte me)
{
	byte e, w;

idle:
	atomic { start[me]; start[me] = false; alive[me] = true }
	{
		take_over();
		do
		:: d_step { due(mem[EXPIRY]); e = mem[EXPIRY] } fire()
#ifdef ASK
		:: mem[SEQ] != mem[ACK] && scan_fence -> scan_stores[me]!ACK, mem[SEQ]; scan_fence
#endif
#if PARK && (GUEST_MINOR >= 1 || defined(PARK_OLD))
		:: d_step { may_park && mem[EXPIRY] == DISARMED; w = NEVER } park()
		:: d_step { may_park && mem[EXPIRY] > now; w = mem[EXPIRY] } park()
		:: d_step { may_park && now < TMAX; w = now + 1 } park()
#endif
		:: stalled -> stalled = false /* goes on, and knows nothing of it */
		:: daemon_gone -> scan_stores[me]!STATE, DEAD; signal(); break
		od
	} unless {
		kill[me]
	}
	atomic { kill[me] = false; alive[me] = false; stalled = false; e = 0; w = 0 }
	goto idle
}

/* ---- The daemon ---- */

inline mark_and_kick()
{
#ifdef KICK_FIRST
	irq = true;
	mem[STATE] = DEAD
#else
	mem[STATE] = DEAD;
#ifndef NO_KICK
	irq = true
#endif
#endif
}

/* The first mark is for speed. Only the second is sure to be the last word of that generation. */
proctype supervisor()
{
	{
		d_step { gen = 1; start[1] = true }
		do
		:: is_dead || stalled ->
			mark_and_kick();
			kill[gen % 2] = alive[gen % 2];
#ifndef NO_REAP
			!alive[gen % 2] && len(scan_stores[gen % 2]) == 0;
#endif
#ifndef MARK_ONCE
			mark_and_kick();
#endif
			if
			:: d_step { gen <= RESTARTS; gen++; start[gen % 2] = true }
			:: break
			fi
		od
	} unless {
		daemon_gone
	}
}

/* ---- The world ---- */

/* Store buffers reach memory, each in order. */
proctype tso()
{
	byte a, v;

	do
	:: d_step {
		nempty(guest_stores);
		guest_stores?a, v;
		mem[a] = v;
		if
		:: a == EXPIRY -> expiry_queued--
		:: else
		fi;
		if
		:: expiry_queued == 0 -> expiry_stored = 0
		:: else
		fi;
		a = 0;
		v = 0
	}
	:: d_step { nempty(scan_stores[0]); scan_stores[0]?a, v; mem[a] = v; a = 0; v = 0 }
	:: d_step { nempty(scan_stores[1]); scan_stores[1]?a, v; mem[a] = v; a = 0; v = 0 }
	od
}

proctype clock()
{
	do
	:: now < TMAX -> now++
	:: else -> break
	od
}

/* So many times, or fewer, at any moment. */
proctype trouble()
{
	byte left = FAULTS;

	do
	:: left > 0 ->
		left--;
		if
		:: d_step { alive[gen % 2]; kill[gen % 2] = true }
		:: d_step { alive[gen % 2] && !stalled; stalled = true }
#ifdef WATCH
		:: daemon_gone = true
#endif
		:: skip
		fi
	:: else -> break
	od
}

/* Nothing can move any more. */
proctype rest()
{
	timeout;
	assert(deadline == 0);				      /* lost */
	assert(on_lapic == !alive[gen % 2]);		      /* stuck */
	assert(!alive[gen % 2] || served_by == gen);	      /* stuck */
	assert(!alive[gen % 2] || mem[SEQ] == mem[ACK])	      /* unanswered */
}

init {
	atomic {
		run vcpu();
		run scanner(0);
		run scanner(1);
		run supervisor();
		run tso();
		run clock();
		run trouble();
#ifdef WATCH
		run watcher();
#endif
		run rest()
	}
}
