/// @file services/auth/convert.h
/// Protobuf <-> core values: untrusted input becomes a valid value or a refusal, here and nowhere
/// else.
/// Normal     E-mail addresses are compared in lower case, mobile numbers as E.164 has them.
/// Ownership  Messages live in the call's arena. NULL means that the arena is exhausted;
///            rpc_call_reply answers that.
/// Errors     INVALID_ARGUMENT / VALIDATION_FAILED with the field; PERMISSION_DENIED for a caller
///            that is no user.
/// Source     proto/florin/auth/v1/auth.proto; what its field options say has been checked before
///            (common/rpc/validate.h).
#pragma once

#include "common/rpc/call.h"
#include "services/auth/login.h"
#include "services/auth/registration.h"

// The messages' own header is for convert*.c and rpc.c only.
struct Auth__RegisterRequest;
struct Auth__LoginRequest;
struct Auth__RegisterResponse;
struct Auth__VerifyRegistrationResponse;
struct Auth__LoginResponse;
struct Auth__IssueTokenResponse;
struct Auth__User;
struct Auth__Jwks;

// ---- Requests ------------------------------------------------------------------------------

/// auth_convert_user gives the caller, who must be a person.
MUST_USE struct status auth_convert_user(const struct rpc_call *call, struct id128 *ret);
struct id128 auth_convert_id(const ProtobufCBinaryData *bytes);
MUST_USE struct status auth_convert_channel(struct rpc_call *call, const char *name,
                                            enum auth_channel *ret);
MUST_USE struct status auth_convert_application(struct rpc_call *call,
                                                const struct Auth__RegisterRequest *request,
                                                struct auth_application *ret);
MUST_USE struct status auth_convert_login(struct rpc_call *call,
                                          const struct Auth__LoginRequest *request,
                                          struct auth_login *ret);
/// auth_convert_device: named in the request, else in the call's metadata.
MUST_USE struct status auth_convert_device(struct rpc_call *call, const char *device,
                                           const char **ret);

/// auth_convert_network: IPv4 counts whole, IPv6 by its /64. Size 0: no address.
size_t auth_convert_network(const char *ip, uint8_t ret_network[static 9]);

// ---- Replies -------------------------------------------------------------------------------

struct Auth__RegisterResponse *auth_convert_registered(struct rpc_call *call,
                                                       const struct id128 *registration_id,
                                                       const struct auth_application *application);
struct Auth__VerifyRegistrationResponse *
auth_convert_confirmed(struct rpc_call *call, const struct auth_confirmed *confirmed);
struct Auth__LoginResponse *auth_convert_logged_in(struct rpc_call *call,
                                                   const struct auth_session *session,
                                                   const struct auth_grant *grant);
struct Auth__IssueTokenResponse *auth_convert_issued(struct rpc_call *call,
                                                     const struct auth_grant *grant);
struct Auth__User *auth_convert_view(struct rpc_call *call, const struct auth_user_view *view);
struct Auth__Jwks *auth_convert_jwks(struct rpc_call *call, const struct auth_signing *signing);
/// auth_convert_retry says when the refused call may come again: whole seconds, rounded up.
void auth_convert_retry(struct rpc_call *call, uint64_t wait_ns);

// ---- Events --------------------------------------------------------------------------------

enum { AUTH_EVENT_BYTES_MAX = 1024 };

/// Packed payloads; each gives its size.
size_t auth_convert_user_registered(const struct auth_user *user, bool is_mobile_verified,
                                    uint8_t ret[static AUTH_EVENT_BYTES_MAX]);
size_t auth_convert_login_attempted(struct id128 user_id, struct id128 session_id,
                                    uint8_t ret[static AUTH_EVENT_BYTES_MAX]);
size_t auth_convert_session_ended(const struct auth_session *session,
                                  uint8_t ret[static AUTH_EVENT_BYTES_MAX]);
size_t auth_convert_rights_raised(const struct auth_user *user,
                                  uint8_t ret[static AUTH_EVENT_BYTES_MAX]);
