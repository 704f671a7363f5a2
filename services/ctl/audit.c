// `florin audit verify`: which kind of evidence was given.
#include "services/ctl/audit.h"

#include "services/ctl/evidence.h"

#include <stdio.h>

int audit_usage(const char *command, const char *what)
{
    fprintf(stderr, "florin: audit %s: %s\n", command, what);
    return CTL_USAGE;
}

int ctl_audit_verify(const struct ctl_options *options)
{
    const struct {
        const char *given;
        int (*verify)(const struct ctl_options *options, const struct note_verifier *verifier);
    } kinds[] = {
        {options->proof, audit_verify_proof},
        {options->consistency, audit_verify_consistency},
        {options->tiles, audit_verify_tiles},
    };

    enum { KINDS = sizeof kinds / sizeof kinds[0] };

    size_t chosen = KINDS;
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].given == NULL) continue;
        if (chosen < KINDS) return audit_usage("verify", "one kind of evidence at a time");
        chosen = i;
    }
    if (chosen == KINDS)
        return audit_usage("verify", "--proof FILE, --consistency FILE or --tiles DIR is needed");
    struct note_verifier verifier;
    struct status status = evidence_verifier(options, &verifier);
    if (!status_ok(status)) return ctl_complain("verifier key", status);
    return kinds[chosen].verify(options, &verifier);
}
