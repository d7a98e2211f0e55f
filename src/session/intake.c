#include "session/intake.h"

#include "base/block.h"
#include "session/session.h"

#include <errno.h>

/* A document below this size is counted with its request, if at all (session/call.h). */
#define SMALL_DOC_BYTES (2 * KIB)

/* How long to wait for what other clients hold, while nothing is freed. What the client itself has
 * unfinished, or has left stuck, has the grace of a resync. */
#define PATIENCE_NS (10 * NSEC_PER_SEC)

static struct service *service_of(const struct intake *intake)
{
    return intake->client->origin->service;
}

static struct budget *budget_of(const struct intake *intake)
{
    return intake->client->origin->budget;
}

/* Another turn, which finds that there is still no room. */
static void patience_over(struct timer *timer)
{
    struct intake *intake = CONTAINER_OF(timer, struct intake, patience);

    intake->too_long = true;
    loop_run_soon(service_of(intake)->loop, &intake->client->turn);
}

int intake_init(struct intake *intake, struct client *client, size_t max_message_size)
{
    *intake = (struct intake){ .client = client, .patience.fire = patience_over };
    intake->framer = framer_new(max_message_size);
    if (!intake->framer)
        return -ENOMEM;
    framer_allow(intake->framer, FRAMER_BASE_BYTES);
    return 0;
}

static void charge(struct intake *intake, size_t bytes)
{
    budget_adjust_input(budget_of(intake), intake->charged, bytes);
    intake->charged = bytes;
}

static void end_waiting(struct intake *intake)
{
    loop_clear_timer(service_of(intake)->loop, &intake->patience);
    intake->waits = intake->too_long = false;
}

/* Others may be the one that goes on. */
static void leave_turn(struct intake *intake)
{
    struct service *service = service_of(intake);

    if (service->goes_on != intake->client)
        return;
    service->goes_on = NULL;
    budget_tell(budget_of(intake));
}

void intake_done(struct intake *intake)
{
    if (!intake->framer)
        return;
    end_waiting(intake);
    intake->framer = framer_free(intake->framer);
    charge(intake, 0);
    leave_turn(intake);
}

void intake_settle(struct intake *intake, bool message_is_over)
{
    size_t held = framer_held(intake->framer);
    size_t above = held > FRAMER_BASE_BYTES ? held - FRAMER_BASE_BYTES : 0;

    if (above != intake->charged) {
        charge(intake, above);
        framer_allow(intake->framer, FRAMER_BASE_BYTES + above);
    }
    if (message_is_over)
        leave_turn(intake);
}

static bool take_room(struct intake *intake, size_t wants)
{
    struct service *service = service_of(intake);
    struct budget *budget = budget_of(intake);
    size_t more = wants - FRAMER_BASE_BYTES - intake->charged;

    if (!budget_take_input(budget, more, service->goes_on == intake->client)) {
        if (service->goes_on)
            return false;
        service->goes_on = intake->client;
        if (!budget_take_input(budget, more, true))
            return false;
    }
    intake->charged += more;
    block_limit(budget_left(budget));
    framer_allow(intake->framer, wants);
    end_waiting(intake);
    return true;
}

static void give_up(struct intake *intake, struct cmd_error *reterr)
{
    end_waiting(intake);
    framer_give_up(intake->framer, reterr);
    intake_settle(intake, true);
}

/* Each time that something was freed the waiting begins anew. */
static void wait_for_memory(struct intake *intake)
{
    struct client *client = intake->client;
    int64_t patience = PATIENCE_NS;

    intake->waits = true;
    if (client->is_held && intake->patience.at_ns != 0)
        return;
    if (client->left_stuck || atomic_load(&client->session->unfinished) > 0)
        patience = client->origin->resync_grace_ms * NSEC_PER_MSEC;
    client_hold(client);
    loop_set_timer_in(service_of(intake)->loop, &intake->patience, patience);
}

bool intake_make_room(struct intake *intake, struct cmd_error *reterr)
{
    size_t wants = framer_wants(intake->framer);

    if (wants > 0 && take_room(intake, wants))
        return true;
    if (wants == 0 || intake->too_long) {
        give_up(intake, reterr);
        return true;
    }
    wait_for_memory(intake);
    return false;
}

size_t intake_count_doc(struct intake *intake, const struct json_doc *doc)
{
    size_t bytes = json_doc_held(doc);

    if (bytes < SMALL_DOC_BYTES)
        return 0;
    budget_adjust_input(budget_of(intake), 0, bytes);
    return bytes;
}
