/// @file common/rpc/reaper.h
/// Watches the one thread by which nng takes down connections that have ended. In nng 1.5.2 it
/// waits for ever when a connection is closed between a message's header and its body: the receive
/// of the body is refused then, and nobody is told (ipc_pipe_recv_cb; tcp and TLS have the same).
/// From then on the process hears of no connection's end, and dials nobody anew. Nothing inside it
/// can mend that, so who is told ends it: everything that was promised is durable, and the
/// supervisor starts it again.
/// How        A connection of its own, inproc, is closed now and then; its end must be heard of.
/// Threads    One of its own, which calls `stuck`, once.
#pragma once

#include <stdint.h>

struct reaper_watch_config {
    uint32_t every_ms;
    /// How long the end may take. In steps: a process that was stopped for a while is not stuck.
    uint32_t patience_ms;
    void (*stuck)(void *context);
    void *context;
};

struct reaper_watch;
struct reaper_watch *reaper_watch_open(const struct reaper_watch_config *config);
/// reaper_watch_close ends the thread; the sockets stay until the process ends. Idempotent.
void reaper_watch_close(struct reaper_watch **watch);
uint64_t reaper_watch_rounds(struct reaper_watch *watch); // Ends that were heard of.
