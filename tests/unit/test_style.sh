#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tests/style.sh as a test.
exec "$(dirname "$0")/../style.sh"
