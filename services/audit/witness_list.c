#include "services/audit/witness_list.h"

#include "common/base/lines.h"
#include "common/base/log.h"
#include "common/outbound/address.h"

#include <assert.h>
#include <stdio.h>

static_assert(AUDIT_WITNESS_URL_BYTES >= OUTBOUND_URL_BYTES_MAX + sizeof "/add-checkpoint",
              "the longest URL fits");

#define MALFORMED(message_) REFUSE(FAILED_PRECONDITION, WITNESSES_MALFORMED, message_)

static struct status take_url(struct bytes text, char ret[static AUDIT_WITNESS_URL_BYTES])
{
    static const struct outbound_url_rules rules = {.plain_allowed = true, .private_allowed = true};
    if (text.size > OUTBOUND_URL_BYTES_MAX) return MALFORMED("the URL is too long");
    while (text.size > 0 && text.data[text.size - 1] == '/')
        text.size--;
    memcpy(ret, text.data, text.size);
    ret[text.size] = '\0';
    RETURN_IF_ERROR(outbound_url_check(ret, &rules));
    snprintf(ret + text.size, AUDIT_WITNESS_URL_BYTES - text.size, "/add-checkpoint");
    return STATUS_SUCCESS;
}

static struct status take_line(struct bytes line, struct audit_witness_list *list)
{
    if (list->count == AUDIT_WITNESSES_MAX) return MALFORMED("more than 16 witnesses");
    struct note_verifier *key = &list->keys[list->count];
    struct bytes text = lines_word(&line), url = lines_word(&line);
    if (url.size == 0 || line.size > 0) return MALFORMED("a line is a verifier key and a URL");
    RETURN_IF_ERROR(note_verifier_parse(text, key));
    if (key->type != NOTE_COSIGNATURE) return MALFORMED("a witness's key is of type 04");
    for (size_t i = 0; i < list->count; i++) {
        // One key under two names would count twice.
        if (memcmp(list->keys[i].public_key, key->public_key, KEY_PUBLIC_BYTES) == 0)
            return MALFORMED("the same key stands there twice");
    }
    RETURN_IF_ERROR(take_url(url, list->urls[list->count]));
    list->count++;
    return STATUS_SUCCESS;
}

struct status audit_witness_list_load(const char *path, uint64_t needed,
                                      struct audit_witness_list *ret)
{
    CLEANUP(lines_close) struct lines lines = {0};
    struct bytes line;
    ret->count = 0;
    if (path[0] != '\0') {
        struct status status = lines_open(path, &lines);
        if (!status_ok(status)) LOG_ERROR("the file of witnesses", LOG_TEXT("path", path));
        RETURN_IF_ERROR(status);
    }
    while (lines_next(&lines, &line)) {
        struct status status = take_line(line, ret);
        if (status_ok(status)) continue;
        LOG_ERROR("the file of witnesses", LOG_TEXT("path", path), LOG_U64("line", lines.number),
                  LOG_TEXT("what", status.message));
        return MALFORMED("the file of witnesses has an error");
    }
    if (needed > ret->count)
        return REFUSE(FAILED_PRECONDITION, WITNESSES_TOO_FEW,
                      "audit.witnesses_needed is more than there are in audit.witnesses");
    return STATUS_SUCCESS;
}
