/*
 * A filesystem that hangs until told (tests/tools/slowfs.c), mounted in the agent's directory.
 */
#pragma once

#include "fixture.h"

struct hang {
    pid_t pid;
    char mountpoint[128];
    char control[128];
};

/* Mounts it. False: this machine has no FUSE; the test is to be skipped. */
bool hang_mount(struct hang *hang, const struct agent_process *agent);
/* Unmounts; requests that still hang fail with EIO. */
void hang_unmount(struct hang *hang);

/* Sends one command ("hang on", "hang off f1", "delay 100", ...) and asserts that it is "ok". */
void hang_tell(const struct hang *hang, const char *command);
/* How many requests hang now. */
int hang_count(const struct hang *hang);
/* Waits until at least `count` requests hang. */
void hang_wait(const struct hang *hang, int count);
/* mountpoint/f<number>, in a static buffer that holds the last four. */
const char *hang_file(const struct hang *hang, int number);
