/* SPDX-License-Identifier: BSD-3-Clause */
/* The shape of the emulated hardware, from the environment (see rdt_emu.c). */
#ifndef ISOLAT_RDT_EMU_CONFIG_H
#define ISOLAT_RDT_EMU_CONFIG_H

#include "rdt_state.h"

typedef char *(*rdt_getenv_fn)(const char *name);

/* Fills @cfg from ISOLAT_RDT_*, with the vendor's defaults for what is unset. Returns -1 and fills @err on bad input.
 */
int rdt_config_from_env(struct rdt_config *cfg, rdt_getenv_fn get, struct isolat_error *err);

#endif
