// SPDX-License-Identifier: BSD-3-Clause
/* Holds the place of the libpqos engine. */
#include "rdt_engine.h"

__attribute__((weak)) int rdt_pqos_open(const char *name, const struct rdt_engine_config *config, struct rdt_engine **e,
					struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_UNSUPPORTED, "open RDT engine", name, "it is not part of this build");
}
