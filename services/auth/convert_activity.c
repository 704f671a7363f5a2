#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert_pieces.h"
#include "services/auth/factor.h"

/// put_id leaves the field empty, which JSON shows as null, for nil.
static bool put_id(struct rpc_call *call, struct id128 id, ProtobufCBinaryData *ret)
{
    return id128_is_nil(id) || auth_copy_id(call, id, ret);
}

// ---- Activity ------------------------------------------------------------------------------

static const char *const result_names[] = {
    [AUTH_ACTIVITY_FAILED] = "failed",
    [AUTH_ACTIVITY_SUCCEEDED] = "succeeded",
};

struct status auth_convert_activity_result(struct rpc_call *call, const char *name,
                                           enum auth_activity_result *ret)
{
    *ret = 0;
    if (name[0] == '\0') return STATUS_SUCCESS;
    for (int i = AUTH_ACTIVITY_FAILED; i <= AUTH_ACTIVITY_RESULT_LAST; i++) {
        if (strcmp(name, result_names[i]) == 0) *ret = (enum auth_activity_result)i;
    }
    return *ret != 0 ? STATUS_SUCCESS : rpc_call_violation(call, "result", "UNKNOWN_VALUE");
}

static bool put_risk(struct rpc_call *call, unsigned terms, Auth__LoginActivity *reply)
{
    reply->risk = arena_alloc(call->arena, AUTH_RISK_COUNT * sizeof *reply->risk);
    if (reply->risk == NULL) return false;
    for (unsigned i = 0; i < AUTH_RISK_COUNT; i++) {
        if ((terms & 1U << i) != 0)
            reply->risk[reply->n_risk++] = auth_constant(auth_risk_name((enum auth_risk)(1U << i)));
    }
    return true;
}

struct status auth_convert_activity(struct rpc_call *call,
                                    const struct auth_activity_record *activity,
                                    struct Auth__LoginActivity **ret)
{
    const struct auth_service *service = call->service;
    const char *origin[AUTH_ORIGIN_FIELD_COUNT];
    RETURN_IF_ERROR(auth_store_get_origin(service->auth, activity, call->arena, origin));
    Auth__LoginActivity *reply = RPC_NEW(call, Auth__LoginActivity, auth__login_activity__init);
    if (reply == NULL || !put_id(call, activity->id, &reply->id) ||
        !put_id(call, activity->user_id, &reply->user_id) ||
        !put_id(call, activity->session_id, &reply->session_id) ||
        !put_risk(call, activity->terms, reply))
        return ARENA_STATUS_EXHAUSTED;
    reply->reason = arena_text(call->arena, activity->reason, strlen(activity->reason));
    if (reply->reason == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->at = auth_activity_at_ns(activity->id);
    reply->result = auth_constant(result_names[activity->result]);
    reply->method = auth_constant(
        activity->method != 0 ? auth_method_name((enum auth_method)activity->method) : "password");
    reply->client_ip = auth_constant(origin[AUTH_ORIGIN_IP]);
    reply->device = auth_constant(origin[AUTH_ORIGIN_DEVICE]);
    reply->user_agent = auth_constant(origin[AUTH_ORIGIN_USER_AGENT]);
    reply->risk_score = activity->score;
    reply->suspicious = activity->is_suspicious;
    *ret = reply;
    return STATUS_SUCCESS;
}

// ---- The report ----------------------------------------------------------------------------

static Auth__SecurityCounts *convert_counts(struct rpc_call *call,
                                            const uint64_t counts[static AUTH_COUNTER_COUNT])
{
    Auth__SecurityCounts *reply = RPC_NEW(call, Auth__SecurityCounts, auth__security_counts__init);
    if (reply == NULL) return NULL;
    reply->logins_succeeded = counts[AUTH_COUNT_LOGINS_SUCCEEDED];
    reply->logins_failed = counts[AUTH_COUNT_LOGINS_FAILED];
    reply->logins_suspicious = counts[AUTH_COUNT_LOGINS_SUSPICIOUS];
    reply->codes_sent = counts[AUTH_COUNT_CODES_SENT];
    reply->codes_failed = counts[AUTH_COUNT_CODES_FAILED];
    reply->factors_locked = counts[AUTH_COUNT_FACTORS_LOCKED];
    reply->passwords_disabled = counts[AUTH_COUNT_PASSWORDS_DISABLED];
    reply->passwords_reset = counts[AUTH_COUNT_PASSWORDS_RESET];
    reply->sessions_started = counts[AUTH_COUNT_SESSIONS_STARTED];
    reply->sessions_ended = counts[AUTH_COUNT_SESSIONS_ENDED];
    reply->refresh_tokens_reused = counts[AUTH_COUNT_REFRESH_REUSED];
    reply->users_registered = counts[AUTH_COUNT_USERS_REGISTERED];
    reply->users_blocked = counts[AUTH_COUNT_USERS_BLOCKED];
    return reply;
}

static Auth__SecurityHour *convert_hour(struct rpc_call *call, const struct auth_hour *hour)
{
    Auth__SecurityHour *reply = RPC_NEW(call, Auth__SecurityHour, auth__security_hour__init);
    if (reply == NULL) return NULL;
    reply->hour = hour->hour_ns;
    reply->counts = convert_counts(call, hour->counts);
    return reply->counts != NULL ? reply : NULL;
}

struct Auth__SecurityReport *auth_convert_report(struct rpc_call *call,
                                                 const struct auth_report *report)
{
    uint64_t totals[AUTH_COUNTER_COUNT] = {0};
    Auth__SecurityReport *reply = RPC_NEW(call, Auth__SecurityReport, auth__security_report__init);
    if (reply == NULL) return NULL;
    reply->hours = arena_alloc(call->arena, report->hour_count * sizeof *reply->hours);
    if (reply->hours == NULL) return NULL;
    for (size_t i = 0; i < report->hour_count; i++) {
        Auth__SecurityHour *hour = convert_hour(call, &report->hours[i]);
        if (hour == NULL) return NULL;
        reply->hours[reply->n_hours++] = hour;
        for (size_t j = 0; j < AUTH_COUNTER_COUNT; j++)
            totals[j] += report->hours[i].counts[j];
    }
    reply->totals = convert_counts(call, totals);
    if (reply->totals == NULL) return NULL;
    reply->from = report->from_ns;
    reply->to = report->to_ns;
    reply->sessions_alive = report->gauges[AUTH_GAUGE_SESSIONS_ALIVE];
    reply->users_active = report->gauges[AUTH_GAUGE_USERS_ACTIVE];
    reply->users_blocked = report->gauges[AUTH_GAUGE_USERS_BLOCKED];
    reply->users_closed = report->gauges[AUTH_GAUGE_USERS_CLOSED];
    reply->passwords_disabled = report->gauges[AUTH_GAUGE_PASSWORDS_DISABLED];
    return reply;
}
