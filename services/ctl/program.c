// Commands that are programs of their own: `florin witness` becomes `florin-witness`.
#include "services/ctl/ctl.h"

#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

int ctl_program(char **words)
{
    char here[CTL_PATH_BYTES], path[2 * CTL_PATH_BYTES];
    ssize_t size = readlink("/proc/self/exe", here, sizeof here - 1);
    if (size <= 0) return ctl_complain(words[0], REFUSE(NOT_FOUND, BIN_NOT_FOUND, "where am I?"));
    here[size] = '\0';
    snprintf(path, sizeof path, "%s/florin-%s", dirname(here), words[0]);
    words[0] = path;
    execv(path, words);
    return ctl_complain(path, REFUSE(NOT_FOUND, BIN_NOT_FOUND, "the program is not there"));
}
