/// @file common/base/descriptors.h
/// Standard input, output and error of a program that may have been started without them.
/// Threads    Before there are any.
#pragma once

/// descriptors_open_standard opens /dev/null in place of each that is closed; else a file of the
/// store would get one of these numbers, and log lines for content. It ends the process when it
/// cannot.
void descriptors_open_standard(void);
