/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of a profile must be to each other. */
#ifndef ISOLAT_PROFILE_CHECK_H
#define ISOLAT_PROFILE_CHECK_H

#include "profile.h"
#include "profile_yaml.h"

/* @root: the tree of @p, for the paths. Returns 0, or -1 with @err filled. */
int profile_check_classes(const struct profile *p, const struct profile_node *root, struct isolat_error *err);
int profile_check_vms(const struct profile *p, const struct profile_node *root, struct isolat_error *err);

#endif
