/// @file tests/unit/audit/postroom.h
/// A log with webhooks, and the receiver they post to, which a test plays.
/// Time       That of the messages is the room's (now_ns); the receiver and libcurl live in real
///            time, which no assertion measures.
/// Failures   Fail the test that called.
#pragma once

#include "services/audit/webhook_message.h"
#include "services/audit/webhook_settle.h"
#include "services/audit/webhooks.h"
#include "tests/support/web_peer.h"
#include "tests/unit/audit/fixture.h"

#define S AUDIT_WEBHOOK_SECOND_NS
#define DAY AUDIT_WEBHOOK_DAY_NS
#define TRANSFERS "ledger.transfer.*" // Every third event.

enum {
    ROOM_LETTERS_MAX = 4096,
    ROOM_LONG_MS = 100000, // Of attempts that nobody is to wait for.
    ROOM_PUMP_MS = 30000,  // A test that takes longer has failed.
};

/// What arrived.
struct letter {
    char path[32], id[AUDIT_WEBHOOK_MESSAGE_ID_BYTES], timestamp[24], type[64], agent[64];
    char signature[AUDIT_WEBHOOK_SIGNATURE_BYTES];
    char *body;
};

struct room;

/// What is answered to a letter; NULL plan: "200 OK".
typedef struct web_answer (*room_plan)(struct room *room, const struct letter *letter);

struct room {
    struct fixture *fixture;
    struct audit_webhooks *webhooks;
    struct audit_webhooks_config config;
    struct web_peer *web;
    uint64_t now_ns;
    uint64_t seq; // Of the last event in the log.

    pthread_mutex_t lock; // Of what follows.
    room_plan plan;
    void *plan_context;
    struct letter letters[ROOM_LETTERS_MAX];
    size_t letter_count;
};

/// room_open and room_close serve as cmocka's setup and teardown.
int room_open(void **state);
int room_close(void **state);
/// room_reopen is what a restart does: nothing but the store is left. Also after a
/// change of room->config.
void room_reopen(struct room *room);
void room_set_plan(struct room *room, room_plan plan, void *context);

/// room_add makes a webhook that posts to /<path> of the receiver; types NULL: all.
struct id128 room_add(struct room *room, const char *path, const char *type);
/// room_add_url gives the secret too, when ret_secret is not NULL.
struct status room_add_url(struct room *room, const char *url, const char *type,
                           struct id128 *ret_id, char *ret_secret);
/// room_happen puts events into the log.
void room_happen(struct room *room, size_t count);

/// A use case as a write of its own.
void room_update(struct room *room, struct id128 id, const struct audit_webhook_asked *asked);
void room_delete(struct room *room, struct id128 id);
void room_rotate(struct room *room, struct id128 id, uint64_t overlap_ns,
                 char ret_secret[static AUDIT_WEBHOOK_SECRET_TEXT_BYTES]);
uint64_t room_test(struct room *room, struct id128 id);
struct status room_test_again(struct room *room, struct id128 id); // It may be refused.
struct status room_replay(struct room *room, struct id128 id, uint64_t from, uint64_t to);

// ---- Turns ---------------------------------------------------------------------------------

/// room_turn_until takes turns until the condition holds.
void room_turn_until(struct room *room, bool (*holds)(struct room *room), const char *what);
#define UNTIL(room_, condition_) room_turn_until(room_, condition_, #condition_)
/// room_is_idle: nothing is under way, nothing is due, and nothing is to be made of the log.
bool room_is_idle(struct room *room);
void room_wait(struct room *room, uint64_t ns); // The clock moves on.

// ---- Looking -------------------------------------------------------------------------------

size_t room_letters(struct room *room, struct letter *ret_last); // NULL: not that.
size_t room_letters_of(struct room *room, const char *path);
/// room_message_id is the id of the event with this index.
void room_message_id(struct id128 id, uint64_t index,
                     char ret[static AUDIT_WEBHOOK_MESSAGE_ID_BYTES]);
/// room_delivery gives a message, without its texts.
struct audit_delivery room_delivery(struct room *room, struct id128 id, uint64_t index);
size_t room_count(struct room *room, struct id128 id, enum audit_delivery_state state);
struct audit_webhook_progress room_progress(struct room *room, struct id128 id);
enum audit_webhook_switch room_switch(struct room *room, struct id128 id);
