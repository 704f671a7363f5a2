#include "common/base/clock.h"
#include "common/event/types.h"
#include "common/rpc/pack.h"
#include "common/rpc/page.h"
#include "services/audit/convert.h"
#include "services/audit/convert_report.h"
#include "services/audit/reports.h"
#include "services/audit/rpc_handlers.h"

#define HOUR_NS (UINT64_C(3600) * NS_PER_SECOND)
#define DAY_NS (24 * HOUR_NS)

// ---- Activity ------------------------------------------------------------------------------

static struct status read_interval(struct rpc_call *call, const char *name,
                                   enum audit_interval *ret)
{
    static const char *const names[] = {
        [AUDIT_INTERVAL_HOUR] = "hour", [AUDIT_INTERVAL_DAY] = "day", [AUDIT_INTERVAL_ALL] = "all"};
    *ret = AUDIT_INTERVAL_ALL;
    if (name[0] == '\0') return STATUS_SUCCESS;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *ret = (enum audit_interval)i;
        return STATUS_SUCCESS;
    }
    return rpc_call_violation(call, "interval", "UNKNOWN_VALUE");
}

// Whole hours that hold the period.
static struct status read_period(const struct rpc_call *call,
                                 const Audit__GetActivityReportRequest *request,
                                 struct audit_activity_query *query)
{
    uint64_t to_ns = request->to != 0 ? request->to : call->received_wall_ns;
    uint64_t day_before_ns = to_ns > DAY_NS ? to_ns - DAY_NS : 0;
    uint64_t from_ns = request->from != 0 ? request->from : day_before_ns;
    if (from_ns >= to_ns)
        return REFUSE(INVALID_ARGUMENT, PERIOD_INVALID, "the period ends before it begins");
    query->from_hour = from_ns / HOUR_NS;
    query->to_hour = to_ns / HOUR_NS + (to_ns % HOUR_NS != 0);
    if (query->interval == AUDIT_INTERVAL_HOUR &&
        query->to_hour - query->from_hour > AUDIT_ACTIVITY_HOURS_MAX) {
        return REFUSE(INVALID_ARGUMENT, PERIOD_INVALID,
                      "by hour, a period may have at most 400 days");
    }
    return STATUS_SUCCESS;
}

static bool wants_action(void *pattern, struct bytes action)
{
    return event_pattern_matches(*(const struct bytes *)pattern, action);
}

static bool put_rows(struct rpc_call *call, const struct audit_activity *activity,
                     Audit__ActivityReport *reply)
{
    reply->rows = arena_alloc(call->arena, activity->row_count * sizeof *reply->rows);
    if (reply->rows == NULL) return false;
    for (size_t i = 0; i < activity->row_count; i++) {
        const struct audit_activity_row *row = &activity->rows[i];
        Audit__ActivityRow *message = RPC_NEW(call, Audit__ActivityRow, audit__activity_row__init);
        if (message == NULL) return false;
        message->time = row->hour * HOUR_NS;
        message->action = arena_text(call->arena, (const char *)row->action.data, row->action.size);
        message->outcome =
            arena_text(call->arena, (const char *)row->outcome.data, row->outcome.size);
        message->count = row->count;
        if (message->action == NULL || message->outcome == NULL) return false;
        reply->rows[reply->n_rows++] = message;
    }
    return true;
}

static struct status count_activity(struct rpc_call *call, const struct audit_activity_query *query,
                                    Audit__ActivityReport *reply)
{
    const struct audit_context *context = call->service;
    struct audit_activity activity;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(context->service.store, &txn));
    RETURN_IF_ERROR(audit_follower_cursor(txn, AUDIT_COUNTS_FOLLOWER, &reply->counted_size));
    RETURN_IF_ERROR(audit_activity_report(txn, query, call->arena, &activity));
    reply->from = query->from_hour * HOUR_NS;
    reply->to = query->to_hour * HOUR_NS;
    reply->total = activity.total;
    reply->truncated = activity.is_truncated;
    return put_rows(call, &activity, reply) ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

struct status audit_rpc_get_activity_report(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn; // POOL: a long period is much to read.
    const Audit__GetActivityReportRequest *request = call->request;
    struct audit_activity_query query = {0};
    struct bytes action = bytes_of_text(request->action);
    RETURN_IF_ERROR(read_interval(call, request->interval, &query.interval));
    RETURN_IF_ERROR(read_period(call, request, &query));
    if (action.size > 0) {
        if (!status_ok(event_pattern_check(action)))
            return rpc_call_violation(call, "action", "PATTERN");
        query.wants = wants_action;
        query.context = &action;
    }
    Audit__ActivityReport *reply =
        RPC_NEW(call, Audit__ActivityReport, audit__activity_report__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(count_activity(call, &query, reply));
    return rpc_call_reply(call, reply);
}

// ---- Suspicion -----------------------------------------------------------------------------

static struct status read_filter(const Audit__ListSuspiciousRequest *request,
                                 struct audit_finding_filter *ret)
{
    *ret = (struct audit_finding_filter){
        .subject = bytes_of_text(request->subject), .from_ns = request->from, .to_ns = request->to};
    if (request->rule[0] == '\0') return STATUS_SUCCESS;
    const struct audit_rule_info *info = audit_rule_find(request->rule);
    if (info == NULL)
        return REFUSE(INVALID_ARGUMENT, RULE_UNKNOWN, "there is no rule of this name");
    ret->rule = info->rule;
    return STATUS_SUCCESS;
}

// What identifies the query, for page tokens.
static struct status pack_query(struct rpc_call *call, const Audit__ListSuspiciousRequest *request,
                                struct bytes *ret)
{
    static char nothing[] = "";
    Audit__ListSuspiciousRequest query = *request;
    query.page_size = 0;
    query.page_token = nothing;
    return rpc_pack(&query, call->arena, ret);
}

static struct status put_rules(struct rpc_call *call, Audit__ListSuspiciousResponse *reply)
{
    const struct audit_context *context = call->service;
    reply->rules = arena_alloc(call->arena, AUDIT_RULE_LAST * sizeof *reply->rules);
    if (reply->rules == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < AUDIT_RULE_LAST; i++) {
        Audit__SuspiciousRule *message =
            RPC_NEW(call, Audit__SuspiciousRule, audit__suspicious_rule__init);
        const char *summary =
            audit_suspicion_summary(context->reports->suspicion, audit_rules[i].rule);
        if (message == NULL) return ARENA_STATUS_EXHAUSTED;
        message->rule = (char *)(uintptr_t)audit_rules[i].name;
        message->summary = (char *)(uintptr_t)summary;
        reply->rules[reply->n_rules++] = message;
    }
    return STATUS_SUCCESS;
}

// Fills one page; *ret_before is where the next one begins, 0: there is none.
static struct status put_findings(struct rpc_call *call, struct audit_finding_walk *walk,
                                  const struct audit_finding_filter *filter, size_t page_size,
                                  Audit__ListSuspiciousResponse *reply, uint64_t *ret_before)
{
    *ret_before = 0;
    for (size_t looked_at = 0;; looked_at++) {
        struct audit_finding finding;
        bool more;
        RETURN_IF_ERROR(audit_store_findings_next(walk, &finding, &more));
        if (!more) return STATUS_SUCCESS;
        bool is_listed = audit_finding_matches(filter, &finding);
        if (looked_at == AUDIT_ROWS_LOOKED_AT_MAX ||
            (is_listed && reply->n_findings == page_size)) {
            *ret_before = finding.id + 1;
            return STATUS_SUCCESS;
        }
        if (!is_listed) continue;
        Audit__SuspiciousFinding *message = audit_convert_finding(call, &finding);
        if (message == NULL) return ARENA_STATUS_EXHAUSTED;
        reply->findings[reply->n_findings++] = message;
    }
}

static struct status list_findings(struct rpc_call *call, struct store_txn *txn,
                                   const struct audit_finding_filter *filter, struct bytes query,
                                   Audit__ListSuspiciousResponse *reply)
{
    const Audit__ListSuspiciousRequest *request = call->request;
    size_t page_size;
    struct bytes position;
    uint64_t before;
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &page_size));
    RETURN_IF_ERROR(page_token_open(call, request->page_token, query, &position));
    reply->findings = arena_alloc(call->arena, page_size * sizeof *reply->findings);
    if (reply->findings == NULL) return ARENA_STATUS_EXHAUSTED;
    CLEANUP(audit_store_findings_close) struct audit_finding_walk walk;
    audit_store_findings_open(txn, audit_convert_position(position), &walk);
    RETURN_IF_ERROR(put_findings(call, &walk, filter, page_size, reply, &before));
    if (before == 0) return STATUS_SUCCESS;
    uint8_t next[AUDIT_POSITION_BYTES];
    put_u64_be(next, before);
    reply->next_page_token = (char *)page_token_make(call, query, bytes_of(next, sizeof next));
    return reply->next_page_token != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

struct status audit_rpc_list_suspicious(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__ListSuspiciousRequest *request = call->request;
    struct audit_finding_filter filter;
    struct bytes query;
    RETURN_IF_ERROR(read_filter(request, &filter));
    RETURN_IF_ERROR(pack_query(call, request, &query));
    Audit__ListSuspiciousResponse *reply =
        RPC_NEW(call, Audit__ListSuspiciousResponse, audit__list_suspicious_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(audit_follower_cursor(txn, AUDIT_SUSPICION_FOLLOWER, &reply->examined_size));
    RETURN_IF_ERROR(put_rules(call, reply));
    RETURN_IF_ERROR(list_findings(call, txn, &filter, query, reply));
    return rpc_call_reply(call, reply);
}
