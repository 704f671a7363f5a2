#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/thread.h"
#include "common/event/outbox.h"
#include "common/event/socket.h"
#include "common/rpc/relisten.h"

#include <nng/protocol/pubsub0/pub.h>
#include <stdlib.h>

enum {
    MESSAGE_BYTES_MAX = 256 * 1024,
    SEND_BUFFER_MESSAGES = 64,     // Of one slow subscriber; beyond, nng drops its oldest.
    STEP_EVENTS_MAX = 4096,        // Published from one snapshot, so that it stays short.
    BEHIND_EVENTS_MAX = 64 * 1024, // Then it skips to the head.
    LISTENERS_MAX = 8,
};

#define HEARTBEAT_NS NS_PER_SECOND
#define TRIM_AGAIN_NS (20 * NS_PER_MS)

struct event_publisher {
    struct event_outbox *outbox;
    nng_socket socket;
    struct relisten doors[LISTENERS_MAX]; // The publisher's thread looks after them.
    size_t door_count;
    pthread_t thread;
    bool closing; // Under the outbox's lock.
    uint64_t published_seq;
    uint64_t heartbeat_mono_ns, trim_mono_ns; // When they are due.
    struct metric *messages_total, *skipped_total;
};

// ---- Messages ------------------------------------------------------------------------------

/// A message that is being filled: consecutive events of one type.
struct filling {
    nng_msg *message;
    struct bytes type; // Points into the snapshot.
};

static nng_msg *begin_message(const struct event_publisher *publisher, struct bytes topic,
                              uint64_t head)
{
    const struct event_outbox *outbox = publisher->outbox;
    uint8_t batch_head[EVENT_BATCH_HEAD_BYTES_MAX];
    size_t size = event_batch_head_pack(outbox->source, head, store_id(outbox->store), batch_head);
    nng_msg *message;
    CHECK(nng_msg_alloc(&message, 0) == 0);
    CHECK(nng_msg_append(message, topic.data, topic.size) == 0);
    CHECK(nng_msg_append(message, "", 1) == 0);
    CHECK(nng_msg_append(message, batch_head, size) == 0);
    return message;
}

static void send_message(struct event_publisher *publisher, nng_msg *message)
{
    metric_add(publisher->messages_total, 1);
    // PUB never waits: who cannot take a message loses it, and sees that by the next seq.
    if (nng_sendmsg(publisher->socket, message, NNG_FLAG_NONBLOCK) != 0) nng_msg_free(message);
}

static void flush(struct event_publisher *publisher, struct filling *filling)
{
    if (filling->message != NULL) send_message(publisher, filling->message);
    *filling = (struct filling){0};
}

/// nng makes room for exactly what is appended and copies the message each time; so that a message
/// of many events is not copied once for each of them, room grows by doubling.
static void reserve(nng_msg *message, size_t more)
{
    size_t needed = nng_msg_len(message) + more;
    if (needed > nng_msg_capacity(message)) CHECK(nng_msg_reserve(message, 2 * needed) == 0);
}

static void fill(struct event_publisher *publisher, struct filling *filling, struct bytes packed,
                 struct bytes type, uint64_t head)
{
    size_t size = event_tagged_size(packed.size);
    if (filling->message != NULL && (!bytes_equal(filling->type, type) ||
                                     nng_msg_len(filling->message) + size > MESSAGE_BYTES_MAX)) {
        flush(publisher, filling);
    }
    if (filling->message == NULL) {
        *filling = (struct filling){.message = begin_message(publisher, type, head), .type = type};
    }
    uint8_t tag[EVENT_TAG_BYTES_MAX];
    size_t tag_size = event_tag_pack(packed.size, tag);
    reserve(filling->message, tag_size + packed.size);
    CHECK(nng_msg_append(filling->message, tag, tag_size) == 0);
    CHECK(nng_msg_append(filling->message, packed.data, packed.size) == 0);
}

// ---- One step ------------------------------------------------------------------------------

static struct status publish_rows(struct event_publisher *publisher, uint64_t head)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(publisher->outbox->store, &txn));
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, OUTBOX_TABLE_EVENTS, &cursor);
    struct filling filling = {0};
    uint8_t key[OUTBOX_KEY_BYTES];
    bool row = store_cursor_seek(&cursor, outbox_key(publisher->published_seq + 1, key));
    for (size_t i = 0; row && i < STEP_EVENTS_MAX; i++, row = store_cursor_next(&cursor)) {
        struct event_head event;
        struct status status = event_peek(cursor.value, &event);
        if (!status_ok(status) || event.seq > head) {
            flush(publisher, &filling);
            return status;
        }
        fill(publisher, &filling, cursor.value, event.type, head);
        publisher->published_seq = event.seq;
    }
    flush(publisher, &filling);
    return STATUS_SUCCESS;
}

static void publish(struct event_publisher *publisher)
{
    uint64_t head = event_outbox_head(publisher->outbox);
    if (head - publisher->published_seq > BEHIND_EVENTS_MAX) {
        metric_add(publisher->skipped_total, head - publisher->published_seq);
        publisher->published_seq = head;
    }
    uint64_t before = publisher->published_seq;
    if (before == head) return;
    struct status status = publish_rows(publisher, head);
    if (publisher->published_seq > before) return;
    // A row that cannot be read holds nobody up: subscribers get its error from Read.
    log_status(LOG_LEVEL_ERROR, "an event cannot be published", status);
    publisher->published_seq = head;
}

// Says what has been published, not what has been committed: so a subscriber that saw less than
// the heartbeat says knows that it lost something, and need not wonder what is still under way.
static void heartbeat(struct event_publisher *publisher)
{
    struct bytes topic = bytes_of_text(EVENT_TOPIC_HEARTBEAT);
    send_message(publisher, begin_message(publisher, topic, publisher->published_seq));
}

static void work(struct event_publisher *publisher)
{
    publish(publisher);
    uint64_t now_ns = clock_mono_ns();
    bool is_idle = publisher->published_seq == event_outbox_head(publisher->outbox);
    if (now_ns >= publisher->heartbeat_mono_ns && is_idle) {
        heartbeat(publisher);
        publisher->heartbeat_mono_ns = now_ns + HEARTBEAT_NS;
    }
    if (now_ns >= publisher->trim_mono_ns) {
        for (size_t i = 0; i < publisher->door_count; i++)
            relisten_look(&publisher->doors[i]);
        bool has_more = outbox_trim(publisher->outbox);
        publisher->trim_mono_ns = now_ns + (has_more ? TRIM_AGAIN_NS : HEARTBEAT_NS);
    }
}

static bool wait_for_work(struct event_publisher *publisher)
{
    struct event_outbox *outbox = publisher->outbox;
    uint64_t until_ns = publisher->heartbeat_mono_ns < publisher->trim_mono_ns
                            ? publisher->heartbeat_mono_ns
                            : publisher->trim_mono_ns;
    pthread_mutex_lock(&outbox->lock);
    if (!publisher->closing && clock_mono_ns() < until_ns) {
        outbox_wait_moved(outbox, publisher->published_seq, until_ns);
    }
    bool closing = publisher->closing;
    pthread_mutex_unlock(&outbox->lock);
    return !closing;
}

static void *publisher_main(void *context)
{
    struct event_publisher *publisher = context;
    while (wait_for_work(publisher)) {
        work(publisher);
    }
    publish(publisher);
    return NULL;
}

// ---- Life ----------------------------------------------------------------------------------

static void close_doors(struct event_publisher *publisher)
{
    for (size_t i = 0; i < publisher->door_count; i++)
        relisten_close(&publisher->doors[i]);
}

static struct status open_socket(struct event_publisher *publisher, const char *const *listen_urls,
                                 size_t url_count, const struct rpc_tls_config *tls)
{
    RETURN_IF_ERROR(transport_status(nng_pub0_open(&publisher->socket), "opening PUB"));
    struct status status = event_socket_prepare(publisher->socket);
    if (status_ok(status)) {
        int error = nng_socket_set_int(publisher->socket, NNG_OPT_SENDBUF, SEND_BUFFER_MESSAGES);
        status = transport_status(error, "setting PUB's buffer");
    }
    CHECK(url_count <= LISTENERS_MAX);
    for (size_t i = 0; i < url_count && status_ok(status); i++) {
        status = relisten_open(publisher->socket, listen_urls[i], tls, true, &publisher->doors[i]);
        publisher->door_count += status_ok(status);
    }
    if (!status_ok(status)) {
        close_doors(publisher);
        nng_close(publisher->socket);
    }
    return status;
}

struct status event_publisher_open(struct event_outbox *outbox, const char *const *listen_urls,
                                   size_t url_count, const struct rpc_tls_config *tls,
                                   struct event_publisher **ret)
{
    struct event_publisher *publisher = calloc(1, sizeof *publisher);
    CHECK(publisher != NULL);
    publisher->outbox = outbox;
    publisher->published_seq = event_outbox_head(outbox);
    publisher->messages_total =
        metric_counter("florin_event_messages_total", "Messages given to PUB", NULL);
    publisher->skipped_total =
        metric_counter("florin_event_skipped_total", "Events that PUB skipped to keep up", NULL);
    struct status status = open_socket(publisher, listen_urls, url_count, tls);
    if (!status_ok(status)) {
        free(publisher);
        return status;
    }
    thread_start(&publisher->thread, "event-pub", THREAD_STACK_BYTES, publisher_main, publisher);
    *ret = publisher;
    return STATUS_SUCCESS;
}

void event_publisher_close(struct event_publisher **publisher)
{
    struct event_publisher *old = *publisher;
    if (old == NULL) return;
    pthread_mutex_lock(&old->outbox->lock);
    old->closing = true;
    pthread_cond_broadcast(&old->outbox->moved);
    pthread_mutex_unlock(&old->outbox->lock);
    pthread_join(old->thread, NULL);
    close_doors(old);
    // The socket stays open until the process ends: nng 1.5.2 can wait for ever in nng_close.
    free(old);
    *publisher = NULL;
}
