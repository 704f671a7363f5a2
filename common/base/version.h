/// @file common/base/version.h
/// Which build this is: for --version, Introspect and the metrics' build_info.
/// Threads    Any thread.
#pragma once

/// florin_version is the project's version, "0.1.0".
const char *florin_version(void);

/// florin_build_id is the linker's build id of the running executable in hex, "none" without one.
const char *florin_build_id(void);
