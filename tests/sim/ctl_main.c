// SPDX-License-Identifier: BSD-3-Clause
/* sim-ctl NAME [VALUE [GROUP]]: reads or sets user.sim.NAME of the simulator's root, or of a group's folder. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define RESCTRL	   "/sys/fs/resctrl"
#define MOST_BYTES 65536

static int show(const char *name)
{
	static char text[MOST_BYTES];
	ssize_t n = getxattr(RESCTRL, name, text, sizeof(text));

	if (n < 0)
		return -1;
	fwrite(text, 1, (size_t)n, stdout);
	if (n && text[n - 1] != '\n')
		putchar('\n');
	return 0;
}

int main(int argc, char **argv)
{
	char name[NAME_MAX + 1], path[PATH_MAX];

	if (argc < 2 || argc > 4) {
		fputs("usage: sim-ctl NAME [VALUE [GROUP]]\n", stderr);
		return 2;
	}
	snprintf(name, sizeof(name), "user.sim.%s", argv[1]);
	snprintf(path, sizeof(path), RESCTRL "/%s", argc == 4 ? argv[3] : "");
	if (argc == 2 ? !show(name) : !setxattr(path, name, argv[2], strlen(argv[2]), 0))
		return 0;
	fprintf(stderr, "sim-ctl: %s of %s: %s\n", name, path, strerror(errno));
	return 1;
}
