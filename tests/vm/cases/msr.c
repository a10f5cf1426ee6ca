// SPDX-License-Identifier: BSD-3-Clause
/*
 * msr show CPU...: each CPU's class and RMID (IA32_PQR_ASSOC), and the L3 masks and the bandwidth throttling of the
 * first classes that it sees. msr associate CPU CLASS RMID: writes IA32_PQR_ASSOC. By the kernel's msr driver.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PQR_ASSOC   0xc8f
#define L3_MASK_0   0xc90
#define MBA_THROT_0 0xd50
#define CLASSES	    5

static int open_cpu(const char *cpu)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/cpu/%s/msr", cpu);
	fd = open(path, O_RDWR);
	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static uint64_t read_msr(int fd, off_t number)
{
	uint64_t value;

	if (pread(fd, &value, sizeof(value), number) != sizeof(value)) {
		perror("read");
		exit(1);
	}
	return value;
}

static void show(const char *cpu)
{
	int fd = open_cpu(cpu);
	uint64_t pqr = read_msr(fd, PQR_ASSOC);

	printf("CPU %s: class %u RMID %u\n", cpu, (unsigned int)(pqr >> 32), (unsigned int)pqr);
	for (int i = 0; i < CLASSES; i++)
		printf("CPU %s sees class %d: %lx %lu\n", cpu, i, (unsigned long)read_msr(fd, L3_MASK_0 + i),
		       (unsigned long)read_msr(fd, MBA_THROT_0 + i));
	close(fd);
}

static int associate(const char *cpu, const char *class, const char *rmid)
{
	uint64_t pqr = strtoull(class, NULL, 10) << 32 | strtoull(rmid, NULL, 10);
	int fd = open_cpu(cpu);

	if (pwrite(fd, &pqr, sizeof(pqr), PQR_ASSOC) == sizeof(pqr))
		return 0;
	perror("write");
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "associate"))
		return associate(argv[2], argv[3], argv[4]);
	if (argc < 2 || strcmp(argv[1], "show"))
		return 2;
	for (int i = 2; i < argc; i++)
		show(argv[i]);
	return 0;
}
