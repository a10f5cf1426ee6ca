/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small YAML document as a tree that knows its lines, made from libyaml's events. It refuses what a profile has no
 * use for and what could be used against its reader: anchors and aliases, tags, a second document, a key given twice,
 * keys that are no plain words, deep nesting, and more values than any profile has.
 */
#ifndef ISOLAT_PROFILE_YAML_H
#define ISOLAT_PROFILE_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include <isolat/error.h>

enum profile_kind { PROFILE_SCALAR, PROFILE_LIST, PROFILE_MAP };

struct profile_node {
	enum profile_kind kind;
	unsigned int line;  /* its key's, or its own in a list; from 1 */
	unsigned int index; /* among its siblings */
	char *key;	    /* NULL in a list, and of the document itself */
	char *value;	    /* of a scalar; without NULs */
	struct profile_node *parent, *first, *last, *next;
	unsigned int n; /* children */
};

#define PROFILE_ERROR "read profile" /* the "what" of its errors */

/* Reads @n bytes of @text, called @file in messages. Returns the document, to be freed, or NULL with @err filled. */
struct profile_node *profile_yaml_read(const char *file, const char *text, size_t n, struct isolat_error *err);
void profile_yaml_free(struct profile_node *node);

/* The node at @path, "cache.l3" or "cache", below the map @node; NULL if there is none. */
const struct profile_node *profile_yaml_find(const struct profile_node *node, const char *path);

/* Its path in the document, "classes[0].cache.l3", cut to @size. Returns @path. */
char *profile_yaml_path(const struct profile_node *node, char *path, size_t size);

/* Fills @err for what is wrong with @node, the path before the reason. Returns -1. */
__attribute__((format(printf, 4, 5))) int profile_yaml_fail(const char *file, const struct profile_node *node,
							    struct isolat_error *err, const char *format, ...);

#endif
