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
#include "services/auth/activity.h"
#include "services/auth/apikey.h"
#include "services/auth/directory.h"
#include "services/auth/factor.h"
#include "services/auth/login.h"
#include "services/auth/registration.h"
#include "services/auth/report.h"
#include "services/auth/sca.h"

enum { AUTH_EVENT_BYTES_MAX = 1024 }; // Of a packed event.

// The messages' own header is for convert*.c and rpc.c only.
struct Auth__RegisterRequest;
struct Auth__LoginRequest;
struct Auth__VerifyLoginRequest;
struct Auth__ResendLoginRequest;
struct Auth__ForgotPasswordResponse;
struct Auth__ResendResponse;
struct Auth__RegisterResponse;
struct Auth__VerifyRegistrationResponse;
struct Auth__LoginResponse;
struct Auth__IssueTokenResponse;
struct Auth__IssueTokenRequest;
struct Auth__IntrospectTokenResponse;
struct Auth__AuthorizationServer;
struct Auth__ApiKey;
struct Auth__ApiKeyWithSecret;
struct Auth__User;
struct Auth__ListUsersResponse;
struct Auth__ListSessionsResponse;
struct Auth__Jwks;
struct Auth__LoginActivity;
struct Auth__SecurityReport;
struct Auth__Factors;
struct Auth__TotpEnrolment;
struct Auth__RecoveryCodes;
struct Auth__RotateSigningKeysResponse;

// ---- Requests ------------------------------------------------------------------------------

/// auth_convert_user gives the caller, who must be a person.
MUST_USE struct status auth_convert_user(const struct rpc_call *call, struct id128 *ret);
struct id128 auth_convert_id(const ProtobufCBinaryData *bytes);
MUST_USE struct status auth_convert_channel(struct rpc_call *call, const char *name,
                                            enum auth_channel *ret);
MUST_USE struct status auth_convert_application(struct rpc_call *call,
                                                const struct Auth__RegisterRequest *request,
                                                struct auth_application *ret);
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
struct Auth__IssueTokenResponse *auth_convert_issued(struct rpc_call *call,
                                                     const struct auth_grant *grant);
struct Auth__Jwks *auth_convert_jwks(struct rpc_call *call, struct auth_signing *signing);
/// auth_convert_retry says when the refused call may come again: whole seconds, rounded up.
void auth_convert_retry(struct rpc_call *call, uint64_t wait_ns);

/// auth_convert_lower copies an address in its normal form into the arena; NULL beyond its limit.
const char *auth_convert_lower(struct rpc_call *call, const char *text);

// convert_user.c

/// auth_convert_view leaves out why the user was blocked; auth_convert_full_view tells it, to those
/// who may read users.
struct Auth__User *auth_convert_view(struct rpc_call *call, const struct auth_user_view *view);
struct Auth__User *auth_convert_full_view(struct rpc_call *call, const struct auth_user_view *view);
MUST_USE struct status auth_convert_own_change(struct rpc_call *call, struct auth_user_change *ret);
MUST_USE struct status auth_convert_user_change(struct rpc_call *call,
                                                struct auth_user_change *ret);
/// Packed auth.user.updated, auth.user.unblocked, auth.user.created; reason "" for none.
size_t auth_convert_user_changed(const struct auth_user *user, const char *reason,
                                 uint8_t ret[static AUTH_EVENT_BYTES_MAX]);

/// What a list of users is asked for: bound into its page tokens, byte by byte.
struct auth_user_asked {
    char state[16], kind[16];
    char role[AUTH_ROLE_BYTES], branch[AUTH_ROLE_BYTES];
    char email[256], mobile[20];
};

/// auth_convert_user_asked also holds whoever may see one branch only to it.
MUST_USE struct status auth_convert_user_asked(struct rpc_call *call, struct auth_user_asked *ret);
struct Auth__ListUsersResponse *auth_convert_users(struct rpc_call *call,
                                                   const struct auth_user_page *page);

// convert_session.c
struct Auth__ListSessionsResponse *auth_convert_sessions(struct rpc_call *call,
                                                         const struct auth_session_page *page);

// convert_activity.c

/// auth_convert_activity_result: 0 for "", which asks for both.
MUST_USE struct status auth_convert_activity_result(struct rpc_call *call, const char *name,
                                                    enum auth_activity_result *ret);
/// auth_convert_activity unseals the client's texts. DATA_LOSS; RESOURCE_EXHAUSTED (the arena).
MUST_USE struct status auth_convert_activity(struct rpc_call *call,
                                             const struct auth_activity_record *activity,
                                             struct Auth__LoginActivity **ret);
struct Auth__SecurityReport *auth_convert_report(struct rpc_call *call,
                                                 const struct auth_report *report);

// ---- Events --------------------------------------------------------------------------------

/// Packed payloads; each gives its size.
size_t auth_convert_user_registered(const struct auth_user *user, bool is_mobile_verified,
                                    uint8_t ret[static AUTH_EVENT_BYTES_MAX]);
size_t auth_convert_login_attempted(struct id128 user_id, struct id128 session_id, unsigned risk,
                                    uint8_t ret[static AUTH_EVENT_BYTES_MAX]);
size_t auth_convert_session_ended(const struct auth_session *session,
                                  uint8_t ret[static AUTH_EVENT_BYTES_MAX]);
size_t auth_convert_rights_raised(const struct auth_user *user,
                                  uint8_t ret[static AUTH_EVENT_BYTES_MAX]);

// ---- convert_factor.c ----------------------------------------------------------------------

/// auth_convert_authenticator_method takes "totp" or "recovery_code".
MUST_USE struct status auth_convert_authenticator_method(struct rpc_call *call, const char *name,
                                                         enum auth_method *ret);
/// locked_until_ns: 0 for not locked.
struct Auth__Factors *auth_convert_factors(struct rpc_call *call, const struct auth_user *user,
                                           const struct auth_factors *factors,
                                           uint64_t locked_until_ns);
struct Auth__TotpEnrolment *auth_convert_enrolment(struct rpc_call *call, const char *address,
                                                   const uint8_t secret[static TOTP_SECRET_BYTES]);
struct Auth__RecoveryCodes *auth_convert_recovery_codes(struct rpc_call *call,
                                                        const struct auth_recovery_codes *codes);
/// auth_convert_credential_changed: factor "password", "totp", "otp", "recovery_code"; reason ""
/// for none.
size_t auth_convert_credential_changed(struct id128 user_id, const char *factor, const char *reason,
                                       uint8_t ret[static AUTH_EVENT_BYTES_MAX]);

// ---- convert_signing.c ---------------------------------------------------------------------

struct Auth__RotateSigningKeysResponse *auth_convert_rotated(struct rpc_call *call,
                                                             const struct auth_rotated *rotated);
size_t auth_convert_keys_rotated(const struct auth_rotated *rotated,
                                 uint8_t ret[static AUTH_EVENT_BYTES_MAX]);

// ---- convert_login.c -----------------------------------------------------------------------

/// auth_convert_identity: an e-mail address or a mobile number, in normal form.
MUST_USE struct status auth_convert_identity(struct rpc_call *call, const char *identifier,
                                             struct auth_identity *ret);
/// auth_convert_client: device as named in the request, else in the call's metadata.
MUST_USE struct status auth_convert_client(struct rpc_call *call, const char *device,
                                           const char *user_agent, struct auth_client *ret);
MUST_USE struct status auth_convert_login(struct rpc_call *call,
                                          const struct Auth__LoginRequest *request,
                                          struct auth_login *ret);
MUST_USE struct status auth_convert_verify_login(struct rpc_call *call,
                                                 const struct Auth__VerifyLoginRequest *request,
                                                 struct auth_login_proof *ret);
MUST_USE struct status auth_convert_resend_login(struct rpc_call *call,
                                                 const struct Auth__ResendLoginRequest *request,
                                                 struct auth_login_proof *ret);

/// auth_convert_logged_in: "authenticated", or "enrolment_required" by the session's assurance.
struct Auth__LoginResponse *auth_convert_logged_in(struct rpc_call *call,
                                                   const struct auth_session *session,
                                                   const struct auth_grant *grant);
struct Auth__LoginResponse *auth_convert_factor_wanted(struct rpc_call *call,
                                                       const struct auth_flow *flow,
                                                       uint64_t resend_wait_ns);
struct Auth__ResendResponse *auth_convert_resent(struct rpc_call *call, uint64_t wait_ns);
struct Auth__ForgotPasswordResponse *auth_convert_forgotten(struct rpc_call *call,
                                                            const struct auth_flow *flow);
size_t auth_convert_login_suspicious(struct id128 user_id, const struct auth_assessment *risk,
                                     uint8_t ret[static AUTH_EVENT_BYTES_MAX]);

// ---- convert_sca.c -------------------------------------------------------------------------

struct Auth__ScaPayment;
struct Auth__VerifyScaRequest;

MUST_USE struct status auth_convert_sca_payment(struct rpc_call *call,
                                                const struct Auth__ScaPayment *asked,
                                                struct auth_sca_payment *ret);
MUST_USE struct status auth_convert_sca_proof(struct rpc_call *call,
                                              const struct Auth__VerifyScaRequest *request,
                                              struct auth_sca_proof *ret);
struct Auth__ScaChallenge *auth_convert_sca_begun(struct rpc_call *call,
                                                  const struct auth_sca_begun *begun);
struct Auth__ScaToken *auth_convert_sca_approved(struct rpc_call *call,
                                                 const struct auth_sca_approved *approved);
size_t auth_convert_sca_told(struct id128 user_id, struct id128 sca_id,
                             uint8_t ret[static AUTH_EVENT_BYTES_MAX]);

// ---- convert_apikey.c ----------------------------------------------------------------------

/// auth_convert_api_key_asked takes owner, scopes, addresses and end of a CreateApiKeyRequest.
/// INVALID_ARGUMENT / INVALID_SCOPE (a name that no permission has), ADDRESS_INVALID.
MUST_USE struct status auth_convert_api_key_asked(struct rpc_call *call, struct id128 caller_id,
                                                  struct auth_api_key *ret);
struct Auth__ApiKey *auth_convert_api_key(struct rpc_call *call, const struct auth_api_key *key,
                                          const char *name);
struct Auth__ApiKeyWithSecret *
auth_convert_api_key_secret(struct rpc_call *call, const struct auth_api_key *key, const char *name,
                            const struct auth_api_key_secret *secret);
size_t auth_convert_api_key_changed(const struct auth_api_key *key,
                                    uint8_t ret[static AUTH_EVENT_BYTES_MAX]);
/// auth_convert_api_key_ended is a SessionEnded: the tokens with this sid end.
size_t auth_convert_api_key_ended(const struct auth_api_key *key,
                                  uint8_t ret[static AUTH_EVENT_BYTES_MAX]);

// ---- convert_oauth.c -----------------------------------------------------------------------

/// auth_convert_exchange fills in what a client's address says.
void auth_convert_exchange(const struct rpc_call *call, const char *client_ip,
                           struct auth_exchange *ret);
struct Auth__IssueTokenResponse *auth_convert_exchanged(struct rpc_call *call,
                                                        const struct auth_exchanged *exchanged);
struct Auth__IntrospectTokenResponse *auth_convert_living_token(struct rpc_call *call,
                                                                const struct token_claims *claims);
struct Auth__IntrospectTokenResponse *
auth_convert_living_session(struct rpc_call *call, const struct auth_session *session,
                            uint64_t end_ns);
/// auth_convert_authorization_server: public_url as configured.
struct Auth__AuthorizationServer *auth_convert_authorization_server(struct rpc_call *call,
                                                                    const char *public_url);
