#include "common/daemon/silence.h"

#include "common/base/clock.h"

void silence_init(struct silence *silence)
{
    *silence = (struct silence){0};
    pthread_mutex_init(&silence->lock, NULL);
}

void silence_reset(struct silence *silence)
{
    pthread_mutex_destroy(&silence->lock);
}

static bool holds(const struct silence *silence)
{
    return silence->is_silent && (silence->is_probed || clock_mono_ns() < silence->until_mono_ns);
}

bool silence_holds(struct silence *silence)
{
    pthread_mutex_lock(&silence->lock);
    bool does_hold = holds(silence);
    pthread_mutex_unlock(&silence->lock);
    return does_hold;
}

bool silence_begin_asking(struct silence *silence, uint64_t *ret_begin_ns)
{
    pthread_mutex_lock(&silence->lock);
    bool may_ask = !holds(silence);
    if (may_ask) silence->is_probed = silence->is_silent;
    pthread_mutex_unlock(&silence->lock);
    *ret_begin_ns = clock_mono_ns();
    return may_ask;
}

void silence_end_asking(struct silence *silence, uint64_t begin_ns, bool is_ok)
{
    uint64_t now_ns = clock_mono_ns();
    pthread_mutex_lock(&silence->lock);
    silence->is_silent = !is_ok && now_ns - begin_ns >= SILENCE_QUICK_NS;
    silence->is_probed = false;
    silence->until_mono_ns = now_ns + SILENCE_NS;
    pthread_mutex_unlock(&silence->lock);
}
