/// @file common/daemon/notify.h
/// Tells the supervisor our state: the sd_notify protocol (a datagram to $NOTIFY_SOCKET).
/// Without that variable nothing is sent. Abstract addresses ("@…") work as with systemd.
#pragma once

/// notify_supervisor sends e.g. "READY=1" or "STOPPING=1"; a supervisor that is away is no error.
void notify_supervisor(const char *state);
