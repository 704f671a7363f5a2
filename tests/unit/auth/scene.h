/// @file tests/unit/auth/scene.h
/// Delivery in a house, and the servers that a test plays around it.
/// Time       That of the messages is the house's; servers and libcurl live in real time, which no
///            assertion measures but where it says that nobody waits for a server that hangs.
/// Failures   Fail the test that called.
#pragma once

#include "services/auth/delivery.h"
#include "tests/support/mail_peer.h"
#include "tests/support/web_peer.h"
#include "tests/unit/auth/house.h"

#define S UINT64_C(1000000000)

enum {
    SCENE_LONG_MS = 100000, // Of attempts that nobody is to wait for.
    SCENE_SHORT_MS = 300,   // Of attempts at servers that hang.
    SCENE_PUMP_MS = 30000,  // A test that takes longer has failed.
    SCENE_PATH_BYTES = HOUSE_PATH_BYTES + 32,
};

#define ASHA "asha@example.com"
#define MOBILE "+919876543210"
#define SECRET "s3cret word" // The SMTP password of `florin`, and the webhook's token.

/// What a test has open: all is well, TLS everywhere.
struct scene {
    struct house *house;
    char pem[SCENE_PATH_BYTES], smtp_url[64], sms_url[64];
    char password_file[SCENE_PATH_BYTES];
    struct peer_identity *identity; // Of both servers; `pem` is its certificate.
    struct mail_peer *mail;
    struct web_peer *web;
    struct auth_delivery_config config;
    struct auth_delivery *delivery;
};

/// scene_open and scene_close serve as cmocka's setup and teardown.
int scene_open(void **state);
int scene_close(void **state);
void scene_open_delivery(struct scene *scene);
void scene_reopen_delivery(struct scene *scene); // After a change of scene->config.
void scene_open_mail(struct scene *scene, uint16_t port);
void scene_path(const struct scene *scene, const char *name, char ret[static SCENE_PATH_BYTES]);
void scene_write_file(const char *path, const char *text);

// ---- Messages ------------------------------------------------------------------------------

/// scene_post queues a login code; "to" with a + is a mobile number.
void scene_post(struct scene *scene, const char *to);
void scene_post_kind(struct scene *scene, const char *to, enum auth_message_kind kind);
/// scene_waiting counts the messages to an address that wait, and gives the one that is due last.
size_t scene_waiting(struct scene *scene, const char *to, struct auth_message *ret);

/// scene_until takes turns until the condition holds.
void scene_until(struct scene *scene, bool (*holds)(struct scene *scene), const char *what);
#define UNTIL(scene_, condition_) scene_until(scene_, condition_, #condition_)

/// scene_is_idle: nothing is under way, and nothing is due.
bool scene_is_idle(struct scene *scene);

enum becomes { SENT, DROPPED, KEPT };

/// scene_check_fate looks at a message after its first attempt.
void scene_check_fate(struct scene *scene, const char *name, const char *to, enum becomes becomes);
/// scene_check_sent_later: one that was kept goes a second later.
void scene_check_sent_later(struct scene *scene, const char *name, const char *to);
/// scene_check_sent_in_the_end is for a delivery with SCENE_SHORT_MS, in which a busy machine may
/// not get a message to a good server either: it is tried again, and a notice is kept for a day.
void scene_check_sent_in_the_end(struct scene *scene, const char *name, const char *to);
