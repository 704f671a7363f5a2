// `florin outbox`: the messages that the dev profile writes instead of sending.
#include "services/ctl/ctl.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *member(const json_t *message, const char *name)
{
    const char *text = json_string_value(json_object_get(message, name));
    return text != NULL ? text : "";
}

// A text of several paragraphs on one line.
static void print_text(const char *text)
{
    for (; *text != '\0'; text++) {
        bool is_break = *text == '\n' || *text == '\t';
        if (!is_break || (text[1] != '\n' && text[1] != '\0')) putchar(is_break ? ' ' : *text);
    }
    putchar('\n');
}

// One line a message, tab separated, so that a script can cut the code out.
static void print_message(const json_t *message, const char *to)
{
    if (to != NULL && strcmp(to, member(message, "to")) != 0) return;
    printf("%s\t%s\t%s\t%s\t%s\t", member(message, "at"), member(message, "channel"),
           member(message, "to"), member(message, "kind"), member(message, "code"));
    print_text(member(message, "text"));
}

int ctl_outbox(const struct ctl_options *options)
{
    char path[CTL_PATH_BYTES];
    if (!ctl_path(path, options->data, "outbox/messages.jsonl")) return CTL_FAILED;
    FILE *file = fopen(path, "re");
    if (file == NULL && errno == ENOENT) return CTL_DONE; // Nothing has been sent yet.
    if (file == NULL)
        return ctl_complain(path,
                            REFUSE(NOT_FOUND, OUTBOX_NOT_READABLE, "the outbox cannot be read"));
    char *line = NULL;
    size_t capacity = 0;
    size_t bad = 0;
    while (getline(&line, &capacity, file) >= 0) {
        json_t *message = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(message))
            print_message(message, options->to);
        else
            bad++;
        json_decref(message);
    }
    free(line);
    fclose(file);
    if (bad > 0) fprintf(stderr, "florin: outbox: %zu lines are not JSON objects\n", bad);
    return bad > 0 ? CTL_NO : CTL_DONE;
}
