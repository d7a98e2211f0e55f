/*
 * session/service.c
 *
 *   field     written by             read by    order, and what it buys
 *   draining  I/O thread             any        seq_cst, as loop->outstanding: either the I/O thread
 *                                               sees 0, or whoever made it 0 notifies
 *   ending    I/O thread             workers    relaxed: a hint for long commands
 *   stopping, lists                  I/O thread plain: never shared
 */
#include "session/service.h"

void service_answered(struct service *service)
{
    if (loop_answered(service->loop) && atomic_load(&service->draining))
        loop_notify(service->loop, &service->drained);
}
