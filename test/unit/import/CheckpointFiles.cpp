#include "CheckpointFiles.h"

#include "qvl/Import/Checkpoint.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace qvl::test {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory() {
  static std::atomic<int> number = 0;
  root = fs::temp_directory_path() /
         ("qvl-test-" + std::to_string(::getpid()) + "-" + std::to_string(number++));
  fs::remove_all(root);
  fs::create_directories(root);
}

TemporaryDirectory::~TemporaryDirectory() { fs::remove_all(root); }

std::string TemporaryDirectory::path(std::string_view name) const {
  return name.empty() ? root.string() : (root / name).string();
}

std::string TemporaryDirectory::write(std::string_view name, std::string_view contents) const {
  std::ofstream(path(name), std::ios::binary) << contents;
  return path(name);
}

std::vector<std::string> TemporaryDirectory::entries() const {
  std::vector<std::string> names;
  for (const fs::directory_entry &entry : fs::directory_iterator(root))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string safetensors(std::string_view header, std::string_view data) {
  std::string file;
  for (int byte = 0; byte < 8; ++byte)
    file += static_cast<char>(header.size() >> (8 * byte));
  return file.append(header).append(data);
}

std::string entry(std::string_view name, std::string_view dtype, std::vector<int64_t> shape,
                  uint64_t begin, uint64_t end) {
  std::ostringstream text;
  text << '"' << name << R"(":{"dtype":")" << dtype << R"(","shape":)" << toString(shape)
       << R"(,"data_offsets":[)" << begin << "," << end << "]}";
  return text.str();
}

std::string readFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string messageOf(llvm::Error error) { return llvm::toString(std::move(error)); }

std::string treePath(std::string_view path) {
  return std::string(QVL_SOURCE_DIR) + "/" + std::string(path);
}

} // namespace qvl::test
