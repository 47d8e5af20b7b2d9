#include "Goldens.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace qvlrt::testing {

std::string goldenPath(const std::string &name) {
  return std::string(QVL_SOURCE_DIR "/test/e2e/goldens/") + name;
}
std::string picturePath(const std::string &name) {
  return std::string(QVL_SOURCE_DIR "/test/unit/processor/data/") + name;
}
std::string modelPath(const std::string &name) {
  return std::string(QVL_SOURCE_DIR "/models/") + name;
}

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "%s is missing\n", path.c_str());
    std::abort();
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

nlohmann::json readJson(const std::string &path) { return nlohmann::json::parse(readFile(path)); }

NpyArray readArray(const std::string &path) { return readNpy(path).value(); }

Image readArrayAsImage(const std::string &path) {
  NpyArray array = readArray(path);
  return {{array.shape.at(0), array.shape.at(1)}, std::move(array.bytes)};
}

std::vector<Grid> gridsOf(const nlohmann::json &list) {
  std::vector<Grid> grids;
  for (const auto &grid : list)
    grids.push_back({grid[0], grid[1], grid[2]});
  return grids;
}

} // namespace qvlrt::testing
