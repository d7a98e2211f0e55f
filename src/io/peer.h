/*
 * Peers: who is on the other side of a socket, and who may be.
 *
 * Every user of the guest can connect to a socket that he can reach. So a unix socket takes processes
 * of root and of the agent's own user, a vsock socket the host (CID 2), unless rules say otherwise.
 *
 * Threads    peer_rules_parse(), peer_rules_done(): before threads run (they ask for user names).
 *            The rest: any.
 * Trust      what the kernel noted when the peer connected (SO_PEERCRED) or routes by (vsock's CID):
 *            nothing that a peer says of itself.
 */
#pragma once

#include "base/defs.h"
#include "base/error.h"

#include <sys/types.h>

enum peer_kind { PEER_UNKNOWN, PEER_UNIX, PEER_VSOCK };

struct peer {
    enum peer_kind kind;
    uint32_t id; /* user id, or CID */
    pid_t pid;   /* PEER_UNIX */
};

struct peer_rules {
    uint32_t *users, *cids;
    size_t user_count, cid_count;
    bool any_user, any_cid;
};

#define PEER_TEXT_MAX 48

/* Lists as in the configuration (user names or numbers; CIDs; "*" is everybody), NULL-terminated.
 * NULL: the defaults. 0, or -1 with the error set and nothing allocated. */
int peer_rules_parse(const char *const *users, const char *const *cids,
                     struct peer_rules *ret_rules, struct cmd_error *reterr);
void peer_rules_done(struct peer_rules *rules);

/* Who is on the other side of a connected socket. PEER_UNKNOWN: a socket of another kind. */
struct peer peer_of(int fd);
bool peer_is_allowed(const struct peer_rules *rules, const struct peer *peer);

/* True if everybody whom `rules` allow is allowed by `other`. */
bool peer_rules_within(const struct peer_rules *rules, const struct peer_rules *other);

/* The mode of a unix socket's file: open to others only if the rules know others. */
mode_t peer_socket_mode(const struct peer_rules *rules);

/* "uid 0, pid 123" or "CID 2", for the log. */
const char *peer_text(const struct peer *peer, char ret_text[PEER_TEXT_MAX]);
