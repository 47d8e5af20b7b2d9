// Files the tool writes: refused early, written whole or not at all.
#pragma once

#include "absl/status/status.h"

#include <span>
#include <string>
#include <string_view>

namespace qvlrun {

/// Creates a folder if it is missing. Error: InvalidArgument when it cannot be created or written.
absl::Status prepareDirectory(const std::string &path);

/// Error: InvalidArgument when `path` could not be written, because its folder is missing or
/// forbidden, or it is a folder itself, or one of the files that are read. Nothing is created.
absl::Status checkWritable(const std::string &path, std::span<const std::string> inputs);

/// Writes a file under a temporary name and renames it; a device or pipe is written in place.
/// Errors: InvalidArgument when the path is at fault, Unavailable when the system fails (a full
/// disk); then there is no new file.
absl::Status writeWhole(const std::string &path, std::string_view contents);

/// Flushes stdout. Error: Unavailable when what was printed did not arrive.
absl::Status flushOutput();

} // namespace qvlrun
