/*
 * The configuration as a file that this agent and qemu-ga read back (--dump-conf).
 *
 * Threads    main, before threads run.
 * Order      qemu-ga's keys first, in its order, both RPC lists always; ours follow, which
 *            qemu-ga ignores.
 */
#pragma once

#include "config/setting.h"

void config_dump(const struct config *config, struct buf *text);

/* One value as setting_set() reads it. False: a string that is not set. */
bool setting_print(const struct setting *setting, const struct config *config, struct buf *text);
