/*
 * cmds/exec/exec_feed.c
 *
 *   field        written by            read by           order
 *   feeds.list,  any worker, watcher   any worker        feeds.lock
 *   feeds.count
 */
#include "cmds/exec/exec_feed.h"

#include "base/fdio.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

struct exec_feed {
    struct exec_source source;
    LIST_ENTRY(exec_feed) link;
    struct exec_feeds *feeds;
    char *data;
    size_t len, done;
};

void exec_feeds_init(struct exec_feeds *feeds, struct exec_watch *watch, struct exec_quota *quota)
{
    feeds->watch = watch;
    feeds->quota = quota;
    PTOK(pthread_mutex_init(&feeds->lock, NULL));
    LIST_INIT(&feeds->list);
    feeds->count = 0;
}

static void remove_from_list(struct exec_feed *feed)
{
    PTOK(pthread_mutex_lock(&feed->feeds->lock));
    LIST_REMOVE(feed, link);
    feed->feeds->count--;
    PTOK(pthread_mutex_unlock(&feed->feeds->lock));
}

void exec_feeds_done(struct exec_feeds *feeds)
{
    struct exec_feed *feed;

    while ((feed = LIST_FIRST(&feeds->list))) {
        remove_from_list(feed);
        exec_feed_free(feed);
    }
    PTOK(pthread_mutex_destroy(&feeds->lock));
}

size_t exec_feeds_count(struct exec_feeds *feeds)
{
    size_t count;

    PTOK(pthread_mutex_lock(&feeds->lock));
    count = feeds->count;
    PTOK(pthread_mutex_unlock(&feeds->lock));
    return count;
}

/* Writes what the pipe takes; at the end of the data, or of its readers, the feed is done. */
static void feed_ready(struct exec_source *source)
{
    struct exec_feed *feed = CONTAINER_OF(source, struct exec_feed, source);
    ssize_t n = write(source->fd, feed->data + feed->done, feed->len - feed->done);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        feed->done += (size_t)n;
    if (n > 0 && feed->done < feed->len)
        return;
    exec_watch_end(feed->feeds->watch, source);
    remove_from_list(feed);
    exec_feed_free(feed);
}

struct exec_feed *exec_feed_new(struct exec_feeds *feeds, int fd, const void *data, size_t len)
{
    struct exec_feed *feed = calloc(1, sizeof(*feed));

    if (!feed)
        return NULL;
    feed->data = malloc(len);
    if (!feed->data) {
        free(feed);
        return NULL;
    }
    memcpy(feed->data, data, len);
    feed->len = len;
    feed->feeds = feeds;
    feed->source = (struct exec_source){ .fd = fd, .events = EPOLLOUT, .ready = feed_ready };
    return feed;
}

void exec_feed_free(struct exec_feed *feed)
{
    if (!feed)
        return;
    exec_quota_give(feed->feeds->quota, feed->len);
    fd_close(feed->source.fd);
    free(feed->data);
    free(feed);
}

void exec_feed_start(struct exec_feed *feed)
{
    struct exec_feeds *feeds = feed->feeds;

    PTOK(pthread_mutex_lock(&feeds->lock));
    LIST_INSERT_HEAD(&feeds->list, feed, link);
    feeds->count++;
    PTOK(pthread_mutex_unlock(&feeds->lock));
    exec_watch_add(feeds->watch, &feed->source); /* it may be gone when this returns */
}
