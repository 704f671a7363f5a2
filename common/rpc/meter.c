#include "common/rpc/meter.h"

#include "common/base/check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct label {
    struct label *next;
    char *text;
};

static struct {
    pthread_mutex_t lock;
    struct label *first;
} labels = {.lock = PTHREAD_MUTEX_INITIALIZER};

const char *rpc_label(char *text)
{
    CHECK(text != NULL);
    pthread_mutex_lock(&labels.lock);
    struct label *label = labels.first;
    while (label != NULL && strcmp(label->text, text) != 0) {
        label = label->next;
    }
    if (label != NULL) {
        free(text);
    } else {
        label = malloc(sizeof *label);
        CHECK(label != NULL);
        *label = (struct label){.next = labels.first, .text = text};
        labels.first = label;
    }
    pthread_mutex_unlock(&labels.lock);
    return label->text;
}

static struct metric *series_of(const struct rpc_meter *meter, enum status_code code)
{
    char *text = NULL;
    CHECK(asprintf(&text, "service=\"%s\",method=\"%s\",code=\"%s\"", meter->service, meter->method,
                   status_code_name(code)) > 0);
    return metric_histogram("florin_rpc_duration_seconds",
                            "Time from receiving a call to its answer", rpc_label(text));
}

void rpc_meter_open(struct rpc_meter *meter, const char *service, const char *full_name)
{
    const char *slash = strrchr(full_name, '/');
    *meter =
        (struct rpc_meter){.service = service, .method = slash != NULL ? slash + 1 : full_name};
}

void rpc_meter_observe(struct rpc_meter *meter, enum status_code code, uint64_t duration_ns)
{
    unsigned place = (unsigned)code < RPC_METER_CODES ? (unsigned)code : STATUS_UNKNOWN;
    struct metric *metric = atomic_load_explicit(&meter->by_code[place], memory_order_acquire);
    if (metric == NULL) {
        metric = series_of(meter, (enum status_code)place);
        atomic_store_explicit(&meter->by_code[place], metric, memory_order_release);
    }
    metric_observe_ns(metric, duration_ns);
}
