// Files the tool writes.
#include "OutputFile.h"

#include "qvlrt/status.h"

#include "absl/strings/str_format.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace qvlrun {
namespace {

namespace fs = std::filesystem;

absl::Status cannotWrite(const std::string &path, const char *reason) {
  return absl::InvalidArgumentError(absl::StrFormat("%s: cannot write here: %s", path, reason));
}

fs::path folderOf(const std::string &path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

absl::Status writeInPlace(const std::string &path, std::string_view contents) {
  std::FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return absl::Status(qvlrt::codeOfOpenError(errno),
                        absl::StrFormat("%s: cannot write: %s", path, std::strerror(errno)));
  bool written = std::fwrite(contents.data(), 1, contents.size(), file) == contents.size();
  written = written && std::fflush(file) == 0;
  const int error = errno;
  if (std::fclose(file) != 0)
    written = false;
  return written ? absl::OkStatus()
                 : absl::UnavailableError(
                       absl::StrFormat("%s: cannot write: %s", path, std::strerror(error)));
}

} // namespace

absl::Status prepareDirectory(const std::string &path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    return cannotWrite(path, error.message().c_str());
  if (access(path.c_str(), W_OK | X_OK) != 0)
    return cannotWrite(path, std::strerror(errno));
  return absl::OkStatus();
}

absl::Status checkWritable(const std::string &path, std::span<const std::string> inputs) {
  std::error_code error;
  for (const std::string &input : inputs)
    if (fs::is_regular_file(path, error) && fs::equivalent(path, input, error))
      return cannotWrite(path, "it is a file that is read; name another");
  if (fs::is_directory(path, error))
    return cannotWrite(path, "it is a folder");
  const bool exists = fs::exists(path, error);
  const std::string where = exists ? path : folderOf(path).string();
  if (access(where.c_str(), W_OK) != 0)
    return cannotWrite(path, std::strerror(errno));
  return absl::OkStatus();
}

absl::Status writeWhole(const std::string &path, std::string_view contents) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_regular_file(path, error))
    return writeInPlace(path, contents);
  const std::string temporary = absl::StrFormat("%s.%d.tmp", path, getpid());
  if (absl::Status status = writeInPlace(temporary, contents); !status.ok()) {
    fs::remove(temporary, error);
    return status;
  }
  fs::rename(temporary, path, error);
  if (!error)
    return absl::OkStatus();
  const std::string reason = error.message();
  const absl::StatusCode code = qvlrt::codeOfOpenError(error.value());
  fs::remove(temporary, error);
  return absl::Status(code, absl::StrFormat("%s: cannot write: %s", path, reason));
}

absl::Status flushOutput() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)
    return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrFormat("cannot write to standard output: %s", std::strerror(errno)));
}

} // namespace qvlrun
