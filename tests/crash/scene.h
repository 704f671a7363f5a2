/// @file tests/crash/scene.h
/// One thing that is asked of auth, and what it must have left behind when the process that did it
/// died at any write of it: the whole effect with its events, or nothing at all; and the effect
/// when it had been answered. What has happened is not given back: asked again, it is refused.
/// A deed     prepare makes the house that it happens in. act asks; in the child that dies, and
///            afterwards again. Then check looks for the whole effect, and act must be answered
///            as `again` says.
/// Nothing    means that every row of the store is what it was, byte for byte.
/// Texts      What act and check need lies in the scene itself: the arena is the caller's.
/// Threads    One.
#pragma once

#include "tests/unit/auth/door.h"
#include "tests/unit/auth/keys.h"

enum { SCENE_TEXT_BYTES = 1024, SCENE_DEVICES = 3 };

struct scene {
    struct house *house;
    struct caller *caller;
    struct id128 user_id, staff_id, id; // id: of what is answered or changed.
    char code[64], other_code[64];
    char token[SCENE_TEXT_BYTES];   // The one that is shown.
    char current[SCENE_TEXT_BYTES]; // The one that is current instead.
    struct token_claims claims;     // Of a session that goes on.
};

struct deed {
    const char *name;
    void (*prepare)(struct scene *scene);
    struct status (*act)(struct scene *scene);
    const char *answer; // The refusal; NULL: none.
    const char *events; // As house_events tells them.
    void (*check)(struct scene *scene);
    const char *again; // NULL: no refusal.
};

extern const struct deed deeds_entry[], deeds_session[], deeds_password[], deeds_factor[],
    deeds_office[], deeds_program[];
extern const size_t deeds_entry_count, deeds_session_count, deeds_password_count,
    deeds_factor_count, deeds_office_count, deeds_program_count;

// ---- What deeds share ---------------------------------------------------------------------------

#define ASHA "asha@example.com"
#define OTHER_PASSWORD "seven green herons at dusk"

/// scene_keep copies a text into one of the scene's.
void scene_keep(char *ret, size_t size, const char *text);
#define SCENE_KEEP(place_, text_) scene_keep((place_), sizeof(place_), (text_))

/// scene_register makes Asha a user, by both steps.
void scene_register(struct scene *scene);
/// scene_login logs Asha in; the caller is she from then on. Gives the refresh token (an arena's).
const char *scene_login(struct scene *scene, const char *device);
/// scene_staff lets the caller be somebody with this role.
void scene_staff(struct scene *scene, const char *role);
/// scene_ask repeats something that is to be refused.
void scene_ask(struct scene *scene, struct status (*act)(struct scene *scene), unsigned times,
               const char *reason);
/// scene_sessions asserts how many sessions are alive, by the gauge.
void scene_sessions(struct scene *scene, uint64_t count);
