// Hand-made checkpoint files for tests.
#pragma once

#include "llvm/Support/Error.h"
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace qvl::test {

/// A directory that is removed with the object.
class TemporaryDirectory {
public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory &) = delete;
  TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;

  std::string path(std::string_view name = "") const;
  /// Creates or replaces a file and returns its path.
  std::string write(std::string_view name, std::string_view contents) const;
  /// Names of the entries, sorted.
  std::vector<std::string> entries() const;

private:
  std::filesystem::path root;
};

/// Header length, header and data of a safetensors file.
std::string safetensors(std::string_view header, std::string_view data);

/// One entry of a header without the braces: `"name":{...}`.
std::string entry(std::string_view name, std::string_view dtype, std::vector<int64_t> shape,
                  uint64_t begin, uint64_t end);

std::string readFile(const std::string &path);

/// The message of a failure, or an empty string for success.
std::string messageOf(llvm::Error error);
template <typename T> std::string messageOf(llvm::Expected<T> value) {
  return messageOf(value.takeError());
}

/// A checkpoint of the tree: "models/shapes-vl", "test/e2e/goldens/checkpoints/mini_f32", ...
std::string treePath(std::string_view path);

} // namespace qvl::test
