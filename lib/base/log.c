/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

RTE_LOG_REGISTER(log_type, tern, NOTICE);
