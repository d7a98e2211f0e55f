/*
 * cmds/linux/storage/serial_cache.c - a few entries; the oldest one makes room.
 *
 *   field    written by        read by           order
 *   cache    any, under lock   any, under lock   the lock's
 */
#include "cmds/linux/storage/serial_cache.h"

#include <pthread.h>

#define ENTRIES 64

static struct {
    pthread_mutex_t lock;
    size_t next;
    struct {
        uint64_t diskseq; /* 0: free; the kernel counts from 1 */
        char serial[SERIAL_CACHE_BYTES];
    } entries[ENTRIES];
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool serial_cache_get(uint64_t diskseq, char *ret_serial, size_t size)
{
    bool found = false;

    PTOK(pthread_mutex_lock(&cache.lock));
    for (size_t i = 0; !found && i < ENTRIES; i++) {
        found = diskseq != 0 && cache.entries[i].diskseq == diskseq;
        if (found)
            snprintf(ret_serial, size, "%s", cache.entries[i].serial);
    }
    PTOK(pthread_mutex_unlock(&cache.lock));
    return found;
}

void serial_cache_put(uint64_t diskseq, const char *serial)
{
    if (diskseq == 0 || strlen(serial) >= SERIAL_CACHE_BYTES)
        return;
    PTOK(pthread_mutex_lock(&cache.lock));
    cache.entries[cache.next].diskseq = diskseq;
    strcpy(cache.entries[cache.next].serial, serial);
    cache.next = (cache.next + 1) % ENTRIES;
    PTOK(pthread_mutex_unlock(&cache.lock));
}
