// `florin ledger verify`: the ledger recomputes itself and says what does not agree.
#include "florin/ledger/v1/ledger.pb-c.h"
#include "florin/ledger/v1/ledger_methods.h"
#include "services/ctl/client.h"

#include <inttypes.h>
#include <stdio.h>

enum { VERIFY_TIMEOUT_MS = 3600 * 1000, VERIFY_ARENA_BYTES = 8 << 20 };

static int print_verdict(const Ledger__VerifyResponse *verdict)
{
    printf("%" PRIu64 " accounts, %" PRIu64 " transfers: ", verdict->accounts, verdict->transfers);
    if (verdict->finding_count == 0) {
        printf("every balance agrees with its transfers\n");
        return CTL_DONE;
    }
    printf("%" PRIu64 " findings\n", verdict->finding_count);
    for (size_t i = 0; i < verdict->n_findings; i++) {
        const Ledger__Finding *finding = verdict->findings[i];
        printf("%s\t%s\t%s\n", finding->reason, finding->subject, finding->detail);
    }
    return CTL_NO;
}

int ctl_ledger_verify(const struct ctl_options *options)
{
    struct ctl_client *client = NULL;
    struct arena *arena = arena_open(VERIFY_ARENA_BYTES);
    Ledger__VerifyRequest request = LEDGER__VERIFY_REQUEST__INIT;
    Ledger__VerifyResponse *verdict = NULL;
    struct status status = ctl_client_open(options, "ledger", &client);
    if (status_ok(status))
        status = ctl_client_call(client, &ledger_methods[LEDGER_VERIFY], &request,
                                 VERIFY_TIMEOUT_MS, arena, &verdict);
    int result = status_ok(status) ? print_verdict(verdict) : ctl_complain("ledger verify", status);
    ctl_client_close(&client);
    arena_close(&arena);
    return result;
}
