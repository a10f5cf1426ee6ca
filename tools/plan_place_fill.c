// SPDX-License-Identifier: BSD-3-Clause
/*
 * A VM's CPUs in one L3, dealt out over the L2s there: first in one L2, where it fits most tightly, then in as few as
 * can be. Where ways of the L2 are asked for, these are laid out at once. Cells that are alike get no more than those
 * before them, so that no choice is tried twice.
 */
#include <stdlib.h>

#include "plan_place_impl.h"

/* A cell, in the order in which they are tried. */
struct fill_cell {
	unsigned int cell; /* index in the place */
	unsigned int room; /* CPUs */
	unsigned int all;  /* room of this and of those behind it */
	uint64_t print;
	unsigned int like; /* the last one before it that is alike, or PLACE_ANY */
	unsigned int taken;
};

struct fill {
	const struct place_turn *t;
	place_next_part next;
	unsigned int from, left, parts_left; /* of next */
	unsigned int n, largest;
	struct fill_cell *cells;
};

static bool has_part_in_l2(const struct place_turn *t, unsigned int l2)
{
	for (unsigned int k = 0; k < t->vm->n_parts; k++)
		if (t->p->cells[t->vm->parts[k].cell].l2 == l2)
			return true;
	return false;
}

static bool add_l2(const struct place_turn *t, const struct place_cell *cell)
{
	if (!t->vm->l2 || has_part_in_l2(t, cell->l2))
		return true;
	return place_add_ways(&t->p->l2[cell->l2], &t->vm->l2[cell->l2]);
}

typedef bool (*fill_on)(struct fill *f, unsigned int i, unsigned int cpus, unsigned int cells_left);

/* One more part of the VM: @n CPUs of cell @i. */
static bool with_part(struct fill *f, unsigned int i, unsigned int n, fill_on then, unsigned int at, unsigned int cpus,
		      unsigned int cells_left)
{
	const struct place_turn *t = f->t;
	struct place_cell *cell = &t->p->cells[i], before = *cell;
	struct ways_domain *l2 = t->vm->l2 ? &t->p->l2[cell->l2] : NULL;
	struct place_saved saved = { 0 };
	bool fits;

	if (!place_may_go_on(t->p) || !place_take(cell, t->vm, n))
		return false;
	if (l2)
		saved = place_save(l2);
	fits = add_l2(t, cell);
	t->vm->parts[t->vm->n_parts++] = (struct place_part){ i, n };
	if (fits && then(f, at, cpus, cells_left))
		return true;
	t->vm->n_parts--;
	if (l2)
		place_restore(l2, saved);
	*cell = before;
	return false;
}

static bool go_on(struct fill *f, unsigned int i, unsigned int cpus, unsigned int cells_left)
{
	return f->next(f->t, f->from, f->left, f->parts_left);
}

/* Deals @cpus out over exactly @cells_left of the cells from the @i-th on. */
static bool deal(struct fill *f, unsigned int i, unsigned int cpus, unsigned int cells_left)
{
	unsigned int least = 1;

	if (!cells_left)
		return !cpus && go_on(f, i, 0, 0);
	if (!cpus || i == f->n || f->cells[i].all < cpus || (uint64_t)cells_left * f->largest < cpus)
		return false;
	if (cells_left == 1)
		least = cpus;
	for (; i < f->n && !f->t->p->gave_up; i++) {
		struct fill_cell *c = &f->cells[i];
		unsigned int most = c->room < cpus ? c->room : cpus;

		c->taken = 0;
		if (c->all < cpus)
			return false;
		if (c->like != PLACE_ANY && f->cells[c->like].taken < most)
			most = f->cells[c->like].taken;
		for (unsigned int n = most; n >= least && !f->t->p->gave_up; n--) {
			if (f->t->vm->whole && n % f->t->p->cells[c->cell].smt)
				continue;
			c->taken = n;
			if (with_part(f, c->cell, n, deal, i + 1, cpus - n, cells_left - 1))
				return true;
		}
		c->taken = 0;
	}
	return false;
}

/* Those that have room for all of it first, the tightest one before the others; then those with most room. */
static bool is_tighter(const struct fill_cell *a, const struct fill_cell *b, unsigned int cpus)
{
	if ((a->room >= cpus) != (b->room >= cpus))
		return a->room >= cpus;
	return a->room >= cpus ? a->room < b->room : a->room > b->room;
}

static void put_in_order(struct fill *f, const struct place_block *block, unsigned int cpus)
{
	for (unsigned int k = 0; k < block->n; k++) {
		const struct place_cell *cell = &f->t->p->cells[block->first + k];
		struct fill_cell c = { .cell = block->first + k,
				       .room = place_cpus_free(cell, f->t->vm),
				       .print = place_cell_print(f->t->p, cell),
				       .like = PLACE_ANY };
		unsigned int i = f->n;

		if (!c.room)
			continue;
		f->largest = c.room > f->largest ? c.room : f->largest;
		for (; i && is_tighter(&c, &f->cells[i - 1], cpus); i--)
			f->cells[i] = f->cells[i - 1];
		f->cells[i] = c;
		f->n++;
	}
	for (unsigned int i = f->n, all = 0; i-- > 0;) {
		f->cells[i].all = all += f->cells[i].room;
		for (unsigned int k = i; k-- > 0 && f->cells[i].like == PLACE_ANY;)
			if (f->cells[k].print == f->cells[i].print)
				f->cells[i].like = k;
	}
}

bool place_fill(const struct place_turn *t, unsigned int b, unsigned int cpus, place_next_part next, unsigned int left,
		unsigned int parts_left)
{
	const struct place_block *block = &t->p->blocks[b];
	struct fill f = { .t = t, .next = next, .from = b + 1, .left = left, .parts_left = parts_left };
	bool found = false;

	if (block->n == 1)
		return with_part(&f, block->first, cpus, go_on, 0, 0, 0);
	f.cells = calloc(block->n, sizeof(*f.cells));
	if (!f.cells)
		return false;
	put_in_order(&f, block, cpus);
	for (unsigned int n = 1; n <= f.n && !found && !t->p->gave_up; n++)
		found = deal(&f, 0, cpus, n);
	free(f.cells);
	return found;
}
