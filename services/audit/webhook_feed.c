#include "services/audit/webhook_feed.h"

#include "common/base/check.h"
#include "services/audit/entry.h"
#include "services/audit/store.h"

struct match {
    size_t seat;
    uint64_t index, seq;
    struct bytes type, source;
};

/// A part of the log, for some of the seats.
struct stretch {
    const struct audit_webhook_feed *feed;
    bool is_replay;
    uint64_t from, to;
    size_t seats[AUDIT_WEBHOOKS_MAX]; // Those that take part.
    size_t seat_count;
    struct match *matches; // By index.
    size_t match_count;
    bool is_filed[AUDIT_WEBHOOKS_MAX]; // By seat: the store has it.
};

static uint64_t place_of(const struct stretch *stretch, const struct audit_webhook_seat *seat)
{
    return stretch->is_replay ? seat->view.progress.replay_next : seat->seen;
}

/// is_open: may be given messages.
static bool is_open(const struct audit_webhook_seat *seat)
{
    return seat->view.webhook.is_on == AUDIT_WEBHOOK_ON && !seat->view.progress.is_dropping &&
           seat->view.progress.waiting < AUDIT_WEBHOOK_WAITING_MAX;
}

// ---- Reading -------------------------------------------------------------------------------

static struct status match_entry(struct stretch *stretch, uint64_t index,
                                 const struct audit_entry *entry)
{
    const struct audit_webhook_feed *feed = stretch->feed;
    struct bytes type = {NULL, entry->action.size}, source = {NULL, entry->source.size};
    for (size_t i = 0; i < stretch->seat_count; i++) {
        const struct audit_webhook_seat *seat = &feed->seats[stretch->seats[i]];
        if (index < place_of(stretch, seat)) continue;
        if (!audit_webhook_matches(&seat->view.webhook, entry->action)) continue;
        if (type.data == NULL) {
            type.data = arena_copy(feed->arena, entry->action.data, type.size);
            source.data = arena_copy(feed->arena, entry->source.data, source.size);
        }
        if (type.data == NULL || source.data == NULL) return ARENA_STATUS_EXHAUSTED;
        CHECK(stretch->match_count < AUDIT_WEBHOOK_STRETCH_MATCHES_MAX);
        stretch->matches[stretch->match_count++] = (struct match){.seat = stretch->seats[i],
                                                                  .index = index,
                                                                  .seq = entry->seq,
                                                                  .type = type,
                                                                  .source = source};
    }
    return STATUS_SUCCESS;
}

/// read_stretch finds what matches, and cuts the stretch off where there is no room for more. Of
/// what was pruned nobody can be told.
static struct status read_stretch(struct stretch *stretch)
{
    uint64_t first;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    arena_reset(stretch->feed->arena);
    stretch->matches = arena_alloc(stretch->feed->arena,
                                   AUDIT_WEBHOOK_STRETCH_MATCHES_MAX * sizeof *stretch->matches);
    if (stretch->matches == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(store_snapshot_begin(stretch->feed->store, &txn));
    RETURN_IF_ERROR(audit_store_first_index(txn, &first));
    uint64_t index = stretch->from < first ? first : stretch->from;
    for (; index < stretch->to; index++) {
        if (stretch->match_count + stretch->seat_count > AUDIT_WEBHOOK_STRETCH_MATCHES_MAX) break;
        struct bytes bytes;
        struct audit_entry entry;
        struct status status = audit_store_get_entry(txn, index, &bytes);
        if (status_ok(status)) status = audit_entry_decode(bytes, &entry);
        if (!status_ok(status) && index > stretch->from) break; // What is before it goes on.
        RETURN_IF_ERROR(status);
        RETURN_IF_ERROR(match_entry(stretch, index, &entry));
    }
    stretch->to = index;
    return STATUS_SUCCESS;
}

// ---- Filing --------------------------------------------------------------------------------

/// file_message: what waits already waits; what has ended goes again only when it is replayed.
static struct status file_message(struct store_txn *txn, const struct stretch *stretch,
                                  struct id128 webhook_id, const struct match *match,
                                  struct audit_webhook_progress *progress)
{
    struct audit_delivery before, after = {.state = AUDIT_DELIVERY_WAITING,
                                           .next_attempt_ns = stretch->feed->now_ns,
                                           .type = match->type,
                                           .source = match->source,
                                           .seq = match->seq};
    struct audit_delivery_text text;
    struct status status = audit_store_get_delivery(txn, webhook_id, match->index, &before, &text);
    bool is_new = status.code == STATUS_NOT_FOUND;
    if (!is_new) {
        RETURN_IF_ERROR(status);
        if (!stretch->is_replay ||
            !audit_delivery_next(before.state, AUDIT_DELIVERY_REPLAYED, &after.state))
            return STATUS_SUCCESS;
        CHECK(progress->ended > 0);
        progress->ended--;
    }
    audit_store_put_delivery(txn, webhook_id, match->index, is_new ? NULL : &before, &after);
    progress->waiting++;
    return STATUS_SUCCESS;
}

/// is_current: nobody has changed the webhook since the stretch was read.
static struct status is_current(struct store_txn *txn, const struct stretch *stretch,
                                const struct audit_webhook_seat *seat,
                                struct audit_webhook_progress *ret, bool *ret_current)
{
    struct audit_webhook webhook;
    const struct audit_webhook_progress *known = &seat->view.progress;
    struct arena_mark mark = arena_mark(stretch->feed->arena);
    *ret_current = false;
    struct status status =
        audit_store_get_webhook(txn, seat->view.webhook.id, stretch->feed->arena, &webhook);
    arena_rewind(stretch->feed->arena, &mark);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(audit_store_get_progress(txn, webhook.id, ret));
    bool is_same = stretch->is_replay ? ret->replay_next == known->replay_next &&
                                            ret->replay_to == known->replay_to
                                      : ret->next_index <= seat->seen;
    *ret_current = is_same && !ret->is_dropping && webhook.version == seat->view.webhook.version;
    return STATUS_SUCCESS;
}

static struct status file_seat(struct store_txn *txn, struct stretch *stretch, size_t which)
{
    const struct audit_webhook_seat *seat = &stretch->feed->seats[which];
    struct audit_webhook_progress progress;
    RETURN_IF_ERROR(is_current(txn, stretch, seat, &progress, &stretch->is_filed[which]));
    if (!stretch->is_filed[which]) return STATUS_SUCCESS;
    for (size_t i = 0; i < stretch->match_count; i++) {
        if (stretch->matches[i].seat != which) continue;
        RETURN_IF_ERROR(
            file_message(txn, stretch, seat->view.webhook.id, &stretch->matches[i], &progress));
    }
    if (stretch->is_replay)
        progress.replay_next = stretch->to;
    else if (progress.next_index < stretch->to)
        progress.next_index = stretch->to;
    audit_store_put_progress(txn, seat->view.webhook.id, &progress);
    return STATUS_SUCCESS;
}

static struct status run_file(struct store_txn *txn, void *context)
{
    struct stretch *stretch = context;
    for (size_t i = 0; i < stretch->seat_count; i++)
        RETURN_IF_ERROR(file_seat(txn, stretch, stretch->seats[i]));
    return STATUS_SUCCESS;
}

// ---- Steps ---------------------------------------------------------------------------------

/// has_more: there is something of the log for it to look at.
static bool has_more(const struct audit_webhook_feed *feed, const struct audit_webhook_seat *seat)
{
    return is_open(seat) && seat->seen < feed->size;
}

/// next_place is where the webhook stands whose turn it is; the log's size when there is none.
static uint64_t next_place(const struct audit_webhook_feed *feed)
{
    for (size_t i = 0; i < feed->seat_count; i++) {
        const struct audit_webhook_seat *seat = &feed->seats[(feed->turn + i) % feed->seat_count];
        if (has_more(feed, seat)) return seat->seen;
    }
    return feed->size;
}

struct status audit_webhook_feed_step(const struct audit_webhook_feed *feed, bool *ret_moved)
{
    struct stretch stretch = {.feed = feed, .from = next_place(feed)};
    *ret_moved = false;
    if (stretch.from == feed->size) return STATUS_SUCCESS;
    stretch.to = feed->size - stretch.from > AUDIT_WEBHOOK_STRETCH_ENTRIES_MAX
                     ? stretch.from + AUDIT_WEBHOOK_STRETCH_ENTRIES_MAX
                     : feed->size;
    for (size_t i = 0; i < feed->seat_count; i++) {
        const struct audit_webhook_seat *seat = &feed->seats[i];
        bool stands_there = seat->seen >= stretch.from && seat->seen < stretch.to;
        if (stands_there && has_more(feed, seat)) stretch.seats[stretch.seat_count++] = i;
    }
    RETURN_IF_ERROR(read_stretch(&stretch));
    bool has_matches = stretch.match_count > 0;
    if (has_matches) RETURN_IF_ERROR(store_write_wait(feed->store, run_file, &stretch));
    for (size_t i = 0; i < stretch.seat_count; i++) {
        struct audit_webhook_seat *seat = &feed->seats[stretch.seats[i]];
        if (has_matches && !stretch.is_filed[stretch.seats[i]]) continue;
        if (seat->seen < stretch.to) seat->seen = stretch.to;
        struct audit_webhook_progress *progress = &seat->view.progress;
        if (has_matches && progress->next_index < stretch.to) progress->next_index = stretch.to;
    }
    *ret_moved = true;
    return STATUS_SUCCESS;
}

struct status audit_webhook_feed_replay(const struct audit_webhook_feed *feed, bool *ret_moved)
{
    *ret_moved = false;
    for (size_t i = 0; i < feed->seat_count; i++) {
        const struct audit_webhook_progress *progress = &feed->seats[i].view.progress;
        if (!is_open(&feed->seats[i]) || progress->replay_next == progress->replay_to) continue;
        uint64_t left = progress->replay_to - progress->replay_next;
        struct stretch stretch = {.feed = feed, .is_replay = true, .seats = {i}, .seat_count = 1};
        stretch.from = progress->replay_next;
        stretch.to = left > AUDIT_WEBHOOK_STRETCH_ENTRIES_MAX
                         ? stretch.from + AUDIT_WEBHOOK_STRETCH_ENTRIES_MAX
                         : progress->replay_to;
        RETURN_IF_ERROR(read_stretch(&stretch));
        if (stretch.to > progress->replay_to) stretch.to = progress->replay_to; // Pruned meanwhile.
        *ret_moved = true;
        return store_write_wait(feed->store, run_file, &stretch);
    }
    return STATUS_SUCCESS;
}

bool audit_webhook_feed_is_written(const struct audit_webhook_feed *feed)
{
    for (size_t i = 0; i < feed->seat_count; i++)
        if (feed->seats[i].view.progress.next_index < feed->seats[i].seen) return false;
    return true;
}

static struct status run_write(struct store_txn *txn, void *context)
{
    const struct audit_webhook_feed *feed = context;
    for (size_t i = 0; i < feed->seat_count; i++) {
        const struct audit_webhook_seat *seat = &feed->seats[i];
        struct audit_webhook_progress progress;
        struct status status = audit_store_get_progress(txn, seat->view.webhook.id, &progress);
        if (status.code == STATUS_NOT_FOUND) continue;
        RETURN_IF_ERROR(status);
        if (progress.next_index >= seat->seen) continue;
        progress.next_index = seat->seen;
        audit_store_put_progress(txn, seat->view.webhook.id, &progress);
    }
    return STATUS_SUCCESS;
}

struct status audit_webhook_feed_write(const struct audit_webhook_feed *feed)
{
    return store_write_wait(feed->store, run_write, (void *)(uintptr_t)feed);
}
