// SPDX-License-Identifier: BSD-3-Clause
#include "timer_vm_config.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "isolat/exitless_timer.h"
#include "profile_values.h"

#define MAX_NODE 1023 /* of any kernel */

static int bad_vm(const char *text, const struct profile_why *why, struct isolat_error *err)
{
	isolat_fail(err, ISOLAT_USAGE, "read VM", text, "%s", why->reason);
	return why->hint[0] ? isolat_hint(err, "%s", why->hint) : -1;
}

static int parse_number(const char *text, const char *digits, unsigned int min, unsigned int max, unsigned int *value,
			struct isolat_error *err)
{
	struct profile_why why = { 0 };

	return profile_integer(digits, min, max, value, &why) ? bad_vm(text, &why, err) : 0;
}

int timer_vm_config_name(const char *text, struct timer_vm_config *config, struct isolat_error *err)
{
	struct profile_why why = { 0 };

	if (profile_check_name(text, &why))
		return bad_vm(text, &why, err);
	strcpy(config->name, text);
	return 0;
}

int timer_vm_config_parse(const char *text, struct timer_vm_config *config, struct isolat_error *err)
{
	char copy[PROFILE_MAX_NAME + 32], *node, *slots;
	struct profile_why why = { 0 };

	if (strlen(text) >= sizeof(copy))
		return isolat_fail(err, ISOLAT_USAGE, "read VM", text, "it is too long");
	strcpy(copy, text);
	node = strchr(copy, '@');
	if (node) {
		unsigned int number;

		*node++ = '\0';
		if (parse_number(text, node, 0, MAX_NODE, &number, err))
			return -1;
		config->node = (int)number;
	}
	slots = strchr(copy, ':');
	if (slots) {
		*slots++ = '\0';
		if (parse_number(text, slots, 1, EXITLESS_MAX_SLOTS, &config->slots, err))
			return -1;
	}
	if (profile_check_name(copy, &why))
		return bad_vm(text, &why, err);
	strcpy(config->name, copy);
	return 0;
}

/* Digits alone, as an id below @none. */
static bool parse_id(const char *text, unsigned long none, unsigned long *id)
{
	char *end;

	errno = 0;
	*id = strtoul(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !*end && !errno && *id < none;
}

int timer_access_user(const char *text, struct timer_access *access, struct isolat_error *err)
{
	const struct passwd *user;
	unsigned long id;

	if (parse_id(text, (uid_t)-1, &id)) {
		access->user = (uid_t)id;
		return 0;
	}
	user = getpwnam(text);
	if (!user)
		return isolat_fail(err, ISOLAT_USAGE, "find user", text, "there is none");
	access->user = user->pw_uid;
	return 0;
}

int timer_access_group(const char *text, struct timer_access *access, struct isolat_error *err)
{
	const struct group *group;
	unsigned long id;

	if (parse_id(text, (gid_t)-1, &id)) {
		access->group = (gid_t)id;
		return 0;
	}
	group = getgrnam(text);
	if (!group)
		return isolat_fail(err, ISOLAT_USAGE, "find group", text, "there is none");
	access->group = group->gr_gid;
	return 0;
}

static int bad_mode(const char *text, struct isolat_error *err)
{
	isolat_fail(err, ISOLAT_USAGE, "read mode", text, "not a mode of a socket");
	return isolat_hint(err, "0600 for its user, 0660 for its group too; others get nothing");
}

int timer_access_mode(const char *text, struct timer_access *access, struct isolat_error *err)
{
	unsigned long mode;
	char *end;

	errno = 0;
	mode = strtoul(text, &end, 8);
	if (text[0] < '0' || text[0] > '7' || *end || errno || mode & ~0660UL)
		return bad_mode(text, err);
	access->mode = (mode_t)mode;
	return 0;
}

json_t *timer_vm_config_to_json(const struct timer_vm_config *config)
{
	const struct timer_access *access = &config->access;

	return json_pack("{s:s, s:i, s:i, s:I, s:I, s:i}", "name", config->name, "slots", (int)config->slots, "node",
			 config->node, "user", access->user == (uid_t)-1 ? (json_int_t)-1 : (json_int_t)access->user,
			 "group", access->group == (gid_t)-1 ? (json_int_t)-1 : (json_int_t)access->group, "mode",
			 (int)access->mode);
}

static bool within(json_int_t value, json_int_t min, json_int_t max)
{
	return value >= min && value <= max;
}

int timer_vm_config_from_json(const json_t *value, struct timer_vm_config *config, struct isolat_error *err)
{
	json_int_t slots, node, user, group, mode;
	struct profile_why why = { 0 };
	const char *name;
	json_error_t bad;

	if (json_unpack_ex((json_t *)value, &bad, JSON_STRICT, "{s:s, s:I, s:I, s:I, s:I, s:I}", "name", &name, "slots",
			   &slots, "node", &node, "user", &user, "group", &group, "mode", &mode))
		return isolat_fail(err, ISOLAT_USAGE, "read VM", NULL, "%s", bad.text);
	if (profile_check_name(name, &why))
		return bad_vm(name, &why, err);
	if (!within(slots, 1, EXITLESS_MAX_SLOTS) || !within(node, -1, MAX_NODE) || !within(user, -1, UINT_MAX - 1) ||
	    !within(group, -1, UINT_MAX - 1) || !within(mode, 0, 0660) || mode & ~0660)
		return isolat_fail(err, ISOLAT_USAGE, "read VM", name, "a number is out of range");
	*config = (struct timer_vm_config){
		.slots = (unsigned int)slots,
		.node = (int)node,
		.access = { .user = (uid_t)user, .group = (gid_t)group, .mode = (mode_t)mode },
	};
	strcpy(config->name, name);
	return 0;
}
