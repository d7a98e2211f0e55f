/*
 * cmds/exec/exec_room.c
 */
#include "cmds/exec/exec_room.h"

#include "base/defs.h"

size_t exec_room_take(struct exec_room *room, size_t want)
{
    size_t held = atomic_load_explicit(&room->held, memory_order_relaxed);
    size_t granted;

    do {
        granted = held >= room->max ? 0 : MIN_OF(want, room->max - held);
    } while (!atomic_compare_exchange_weak_explicit(&room->held, &held, held + granted,
                                                    memory_order_relaxed, memory_order_relaxed));
    return granted;
}

void exec_room_give(struct exec_room *room, size_t bytes)
{
    atomic_fetch_sub_explicit(&room->held, bytes, memory_order_relaxed);
}

size_t exec_room_left(struct exec_room *room)
{
    size_t held = atomic_load_explicit(&room->held, memory_order_relaxed);

    return held >= room->max ? 0 : room->max - held;
}
