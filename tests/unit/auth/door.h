/// @file tests/unit/auth/door.h
/// Second factors at the door, and forgotten passwords: what the tests of login, flows and
/// passwords share. The authenticator has a known secret, put behind auth's back.
/// Threads    One caller each.
#pragma once

#include "services/auth/flow.h"
#include "services/auth/store_flow.h"
#include "services/auth/store_password.h"
#include "tests/unit/auth/house.h"

/// door_new_user registers with both addresses and verifies them.
struct id128 door_new_user(struct caller *caller, const char *email, const char *mobile);
void door_set_channels(struct house *house, struct id128 user_id, unsigned channels);

// ---- The authenticator ---------------------------------------------------------------------

/// door_enrol gives the user a confirmed authenticator and recovery codes.
void door_enrol(struct house *house, struct id128 user_id, struct auth_recovery_codes *ret);
/// door_totp is what the authenticator shows now.
const char *door_totp(struct caller *caller);
/// door_other is a code that is not this one.
const char *door_other(struct caller *caller, const char *code);

// ---- Calls ---------------------------------------------------------------------------------

struct status door_verify(struct caller *caller, const Auth__LoginResponse *login,
                          const char *method, const char *code, const char *device,
                          Auth__LoginResponse **ret);
struct status door_resend(struct caller *caller, const Auth__LoginResponse *login,
                          const char *method, const char *device, Auth__ResendResponse **ret);
struct status door_forgot(struct caller *caller, const char *identifier, struct id128 *ret_id);
struct status door_reset(struct caller *caller, struct id128 reset_id, const char *code,
                         const char *password);
struct status door_change(struct caller *caller, const char *current, const char *password);

// ---- What can be seen ----------------------------------------------------------------------

struct auth_password door_password(struct house *house, struct id128 user_id);
struct auth_flow door_flow(struct caller *caller, struct id128 id);
uint64_t door_count(struct caller *caller, enum auth_counter counter); // Over all hours.
uint64_t door_gauge(struct caller *caller, enum auth_gauge gauge);
/// door_methods joins them: "totp recovery_code".
const char *door_methods(struct caller *caller, const Auth__LoginResponse *login);
