// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arming and firing: a clockevent per CPU, whose registers are a slot of the page and whose interrupt is an MSI-X
 * vector that the agent signals.
 *
 * What is armed is known here too, as ->pending: the slot alone does not tell an interrupt whether the agent consumed
 * an arming, or whether the timer was cancelled while it fired.  Only its own CPU writes it, with interrupts off.
 */

#define pr_fmt(fmt) "exitless_timer: " fmt

#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/prefetch.h>
#include <linux/slab.h>
#include <asm/tsc.h>

#include "compat.h"
#include "xt.h"

/* A clockevent's rate is 32 bits wide; a TSC's does not fit into that.  The LAPIC's deadline timer has the same. */
#define XT_TSC_DIVISOR 8

/* The LAPIC has 100 or 150. */
#define XT_RATING 500

/* --- getting word to the work --- */

static void xt_tell_work(struct irq_work *tell)
{
	int cpu = READ_ONCE(xt.watch_cpu);

	if (READ_ONCE(xt.leaving))
		return;
	mod_delayed_work_on(cpu >= 0 ? cpu : WORK_CPU_UNBOUND, xt.wq, &xt.work, 0);
}

/* From anywhere: arming happens under locks that waking a worker takes. */
void xt_tell(struct xt_cpu *c, unsigned int why)
{
	if (!test_and_set_bit(why, &xt.why))
		irq_work_queue(&c->tell);
}

/* Without a CPU that watches, each one that arms does.  The line is that of agent_wake_tsc: a hit in the cache. */
static void xt_look_at_heartbeat(struct xt_cpu *c, u64 now)
{
	u64 heartbeat = READ_ONCE(xt.header->heartbeat);

	if (heartbeat != c->heartbeat) {
		c->heartbeat = heartbeat;
		c->beat_tsc = now;
	} else if (now - c->beat_tsc > xt_ms(READ_ONCE(xt_dead_ms))) {
		xt_tell(c, XT_STALE);
	}
}

static void xt_look_at_header(struct xt_cpu *c)
{
	const struct exitless_header *header = xt.header;

	if (READ_ONCE(header->agent_state) != EXITLESS_AGENT_RUNS ||
	    READ_ONCE(header->generation) != READ_ONCE(xt.generation) ||
	    READ_ONCE(header->sync_wanted) != READ_ONCE(xt.sync_wanted))
		xt_tell(c, XT_LOOK);
}

/* --- the clockevent --- */

static int xt_set_next_event(unsigned long delta, struct clock_event_device *evt)
{
	struct xt_cpu *c = container_of(evt, struct xt_cpu, evt);
	u64 now, deadline;

	/* The agent has read the line: it comes back while the TSC is read. */
	prefetchw(c->slot);
	now = rdtsc();
	deadline = now + (u64)delta * XT_TSC_DIVISOR;
	c->n.armed++;
	c->n.replaced += c->pending != EXITLESS_DISARMED;
	c->pending = deadline;
	WRITE_ONCE(c->slot->armed_tsc, now);
	WRITE_ONCE(c->slot->seq, ++c->seq);
	virt_store_release(&c->slot->expiry, deadline);

	if (xt.minor >= 1) {
		/* Pairs with the agent's, between its store of agent_wake_tsc and its last pass over the slots. */
		virt_mb();
		if (unlikely(deadline < READ_ONCE(xt.header->agent_wake_tsc))) {
			c->n.rings++;
			writel(xt.doorbell, xt.doorbell_reg);
		}
	}
	if (xt.beat_checked)
		xt_look_at_heartbeat(c, now);
	return 0;
}

/* Also for CLOCK_EVT_STATE_ONESHOT_STOPPED: an idle CPU without a timer would be woken by its last one. */
static int xt_shut_down(struct clock_event_device *evt)
{
	struct xt_cpu *c = container_of(evt, struct xt_cpu, evt);

	if (c->pending != EXITLESS_DISARMED)
		c->n.cancelled++;
	c->pending = EXITLESS_DISARMED;
	virt_store_release(&c->slot->expiry, EXITLESS_DISARMED);
	return 0;
}

/* --- firing --- */

static void xt_count_fire(struct xt_cpu *c, u64 now)
{
	u64 late = now > c->pending ? now - c->pending : 0, ns;

	ns = div_u64(min(late, U64_MAX / USEC_PER_SEC) * USEC_PER_SEC, tsc_khz);
	c->n.fired++;
	c->late[min(ns ? ilog2(ns) : 0, EXITLESS_LATE_BINS - 1)]++;
	c->late_max = max(c->late_max, late);
}

/*
 * The map is wrong: the clocks have jumped against each other. Void, it fires nothing more until the work has made
 * another, which it does after this, whatever it is at now: so the map goes first, then the word. Where no CPU watches,
 * the work may need a timer of this very CPU to get there, and void is only what the work voids.
 */
static void xt_disbelieve_map(struct xt_cpu *c)
{
	c->n.early++;
	if (READ_ONCE(xt.watch_cpu) >= 0)
		WRITE_ONCE(xt.header->map_seq, 0);
	xt_tell(c, XT_EARLY);
}

/*
 * An arming is over when the agent consumed it, or when it is due and the agent has not: then a takeover kicked us.
 * Anything else that signals is none of the timer's business, such as a cancelled one that was just being fired.
 */
static void xt_fire(struct xt_cpu *c)
{
	u64 expiry = virt_load_acquire(&c->slot->expiry), now = rdtsc_ordered();

	if (c->pending == EXITLESS_DISARMED) {
		c->n.noop++;
		return;
	}
	if (expiry != EXITLESS_DISARMED) {
		if (expiry > now) {
			c->n.spurious++;
			return;
		}
		WRITE_ONCE(c->slot->expiry, EXITLESS_DISARMED);
	} else if (now < READ_ONCE(c->slot->last_expiry)) {
		xt_disbelieve_map(c);
	}
	xt_count_fire(c, now);
	c->pending = EXITLESS_DISARMED;
	c->evt.event_handler(&c->evt);
}

static void xt_fire_here(void *cpu)
{
	xt_fire(cpu);
}

static void xt_nothing(void *unused)
{
}

static irqreturn_t xt_interrupt(int irq, void *cpu)
{
	struct xt_cpu *c = cpu;

	if (unlikely(smp_processor_id() != c->cpu)) {
		c->n.wrong_cpu++;
		smp_call_function_single_async(c->cpu, &c->csd); /* busy: it is on its way already */
	} else {
		xt_fire(c);
	}
	xt_look_at_header(c);
	return IRQ_HANDLED;
}

/* --- using and leaving it --- */

static void xt_register(void *cpu)
{
	struct xt_cpu *c = cpu;

	c->pending = EXITLESS_DISARMED;
	virt_store_release(&c->slot->expiry, EXITLESS_DISARMED);
	c->heartbeat = READ_ONCE(xt.header->heartbeat);
	c->beat_tsc = rdtsc();
	/* No owner: each registered device would hold the module, which could then never be unloaded. */
	c->evt = (struct clock_event_device){
		.name = "exitless",
		.rating = XT_RATING,
		.features = CLOCK_EVT_FEAT_ONESHOT,
		.irq = c->irq,
		.cpumask = cpumask_of(c->cpu),
		.set_next_event = xt_set_next_event,
		.set_state_shutdown = xt_shut_down,
		.set_state_oneshot_stopped = xt_shut_down,
	};
	clockevents_config_and_register(&c->evt, tsc_khz * (1000 / XT_TSC_DIVISOR), 1, ULONG_MAX);
}

/* Under xt.lock, which the CPU's way offline takes too: so it is online, or @use is false and it was unbound before. */
void xt_cpu_use(struct xt_cpu *c, bool use)
{
	int err;

	if (use == c->on)
		return;
	if (use)
		err = smp_call_function_single(c->cpu, xt_register, c, true);
	else
		err = clockevents_unbind_device(&c->evt, c->cpu); /* its LAPIC device gets the next deadline */
	if (err)
		pr_err("CPU %u: the timer could not be %s: %d\n", c->cpu, use ? "registered" : "unbound", err);
	else
		c->on = use;
}

/* --- vectors --- */

/* Which vector is a CPU's is up to the kernel, by NUMA node: it need not be the one of the same number. */
static int xt_find_vector(struct xt_cpu *c, unsigned int vectors)
{
	unsigned int v;

	for (v = 0; v < vectors; v++) {
		const struct cpumask *mask = pci_irq_get_affinity(xt.pdev, v);

		if (!mask || cpumask_weight(mask) != 1 || !cpumask_test_cpu(c->cpu, mask))
			continue;
		c->vector = v;
		c->irq = pci_irq_vector(xt.pdev, v);
		c->slot = xt.page + EXITLESS_HEADER_SIZE + v * EXITLESS_SLOT_SIZE;
		return 0;
	}
	pr_err("CPU %u has no interrupt vector of its own\n", c->cpu);
	return -EINVAL;
}

static int xt_irq_get(struct xt_cpu *c, unsigned int vectors)
{
	int err;

	err = xt_find_vector(c, vectors);
	if (err)
		return err;
	c->pending = EXITLESS_DISARMED;
	WRITE_ONCE(c->slot->expiry, EXITLESS_DISARMED);
	c->csd.func = xt_fire_here;
	c->csd.info = c;
	init_irq_work(&c->tell, xt_tell_work);
	err = request_irq(c->irq, xt_interrupt, IRQF_TIMER | IRQF_NOBALANCING, "exitless_timer", c);
	if (err) {
		pr_err("CPU %u: interrupt %d is not given: %d\n", c->cpu, c->irq, err);
		c->irq = 0;
	}
	return err;
}

int xt_irqs_get(void)
{
	unsigned int cpu, want = num_possible_cpus();
	int err, got;

	got = pci_alloc_irq_vectors_affinity(xt.pdev, want, want, PCI_IRQ_MSIX | PCI_IRQ_AFFINITY, NULL);
	if (got < 0) {
		pr_err("%u MSI-X vectors are needed, one per possible CPU: the device's vectors= is too low (%d)\n",
		       want, got);
		return got;
	}
	for_each_possible_cpu (cpu) {
		struct xt_cpu *c = xt_cpu(cpu);

		c->cpu = cpu;
		err = xt_irq_get(c, want);
		if (err) {
			xt_irqs_put();
			return err;
		}
	}
	return 0;
}

/* Afterwards nothing of a CPU's part runs, nor will. */
void xt_irqs_put(void)
{
	unsigned int cpu;

	for_each_possible_cpu (cpu) {
		struct xt_cpu *c = xt_cpu(cpu);

		if (!c->irq)
			continue;
		free_irq(c->irq, c);
		c->irq = 0;
		irq_work_sync(&c->tell);
		/*
		 * An interrupt that was passed on is handled in one go with this, if behind it: calls that are waited
		 * for come first.  An offline CPU had it before it went.
		 */
		smp_call_function_single(cpu, xt_nothing, NULL, true);
	}
	synchronize_rcu(); /* all that had begun with interrupts off has ended */
	pci_free_irq_vectors(xt.pdev);
}
