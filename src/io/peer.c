#include "io/peer.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h> /* needs <sys/socket.h> before it */

/* A whole decimal number below 2^32 - 1, which is nobody's id. */
static bool parse_id(const char *text, uint32_t *ret_id)
{
    unsigned long long value;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (*end || errno != 0 || value >= UINT32_MAX)
        return false;
    *ret_id = (uint32_t)value;
    return true;
}

static bool parse_user(const char *text, uint32_t *ret_id)
{
    const struct passwd *user;

    if (parse_id(text, ret_id))
        return true;
    user = getpwnam(text); /* NOLINT(concurrency-mt-unsafe): no thread runs yet */
    if (user)
        *ret_id = user->pw_uid;
    return user != NULL;
}

/* NULL and the error set if a name means nobody. */
static uint32_t *parse_list(const char *const *names, bool (*parse)(const char *, uint32_t *),
                            const char *key, size_t *ret_count, bool *ret_any,
                            struct cmd_error *reterr)
{
    size_t count = 0;
    uint32_t *ids;

    while (names[count])
        count++;
    ids = calloc(count + 1, sizeof(*ids));
    for (size_t i = 0; ids && i < count; i++) {
        if (strcmp(names[i], "*") == 0) {
            *ret_any = true;
        } else if (!parse(names[i], &ids[(*ret_count)++])) {
            cmd_fail(reterr, "%s: '%s' is unknown", key, names[i]);
            free(ids);
            return NULL;
        }
    }
    if (!ids)
        cmd_fail_errno(reterr, ENOMEM, "%s", key);
    return ids;
}

int peer_rules_parse(const char *const *users, const char *const *cids,
                     struct peer_rules *ret_rules, struct cmd_error *reterr)
{
    struct peer_rules rules = { 0 };
    char own[16];
    const char *const default_users[] = { "0", own, NULL };
    static const char *const default_cids[] = { "2", NULL };

    snprintf(own, sizeof(own), "%u", geteuid());
    rules.users = parse_list(users ? users : default_users, parse_user, "unix-peers",
                             &rules.user_count, &rules.any_user, reterr);
    if (!rules.users)
        return -1;
    rules.cids = parse_list(cids ? cids : default_cids, parse_id, "vsock-peers", &rules.cid_count,
                            &rules.any_cid, reterr);
    if (!rules.cids) {
        free(rules.users);
        return -1;
    }
    *ret_rules = rules;
    return 0;
}

void peer_rules_done(struct peer_rules *rules)
{
    free(rules->users);
    free(rules->cids);
    *rules = (struct peer_rules){ 0 };
}

static struct peer unix_peer(int fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return (struct peer){ .kind = PEER_UNKNOWN };
    return (struct peer){ .kind = PEER_UNIX, .id = cred.uid, .pid = cred.pid };
}

struct peer peer_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_vm vm;
        struct sockaddr_storage room;
    } address = { .room = { 0 } };
    socklen_t len = sizeof(address);

    if (getpeername(fd, &address.any, &len) < 0)
        return (struct peer){ .kind = PEER_UNKNOWN };
    if (address.any.sa_family == AF_VSOCK)
        return (struct peer){ .kind = PEER_VSOCK, .id = address.vm.svm_cid };
    return address.any.sa_family == AF_UNIX ? unix_peer(fd) : (struct peer){ .kind = PEER_UNKNOWN };
}

static bool has(const uint32_t *ids, size_t count, uint32_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

bool peer_is_allowed(const struct peer_rules *rules, const struct peer *peer)
{
    switch (peer->kind) {
    case PEER_UNIX:
        return rules->any_user || has(rules->users, rules->user_count, peer->id);
    case PEER_VSOCK:
        return rules->any_cid || has(rules->cids, rules->cid_count, peer->id);
    case PEER_UNKNOWN:
        break;
    }
    return false;
}

static bool is_within(const uint32_t *ids, size_t count, const uint32_t *others, size_t other_count)
{
    for (size_t i = 0; i < count; i++) {
        if (!has(others, other_count, ids[i]))
            return false;
    }
    return true;
}

bool peer_rules_within(const struct peer_rules *rules, const struct peer_rules *other)
{
    bool users = other->any_user ||
                 (!rules->any_user &&
                  is_within(rules->users, rules->user_count, other->users, other->user_count));
    bool cids = other->any_cid || (!rules->any_cid && is_within(rules->cids, rules->cid_count,
                                                                other->cids, other->cid_count));

    return users && cids;
}

mode_t peer_socket_mode(const struct peer_rules *rules)
{
    bool others = rules->any_user;

    for (size_t i = 0; i < rules->user_count; i++)
        others |= rules->users[i] != 0 && rules->users[i] != geteuid();
    return others ? 0666 : 0600;
}

const char *peer_text(const struct peer *peer, char ret_text[PEER_TEXT_MAX])
{
    if (peer->kind == PEER_UNIX)
        snprintf(ret_text, PEER_TEXT_MAX, "uid %" PRIu32 ", pid %d", peer->id, (int)peer->pid);
    else if (peer->kind == PEER_VSOCK)
        snprintf(ret_text, PEER_TEXT_MAX, "CID %" PRIu32, peer->id);
    else
        snprintf(ret_text, PEER_TEXT_MAX, "unknown");
    return ret_text;
}
