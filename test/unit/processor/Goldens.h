// The golden tables of the tree, and the small pictures of this folder.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "qvlrt/image.h"
#include "qvlrt/npy.h"
#include "qvlrt/patchify.h"

namespace qvlrt::testing {

/// Path of a file of the goldens, of this folder's pictures, or of the embedded models.
std::string goldenPath(const std::string &name);
std::string picturePath(const std::string &name);
std::string modelPath(const std::string &name);

/// The content of a file; a missing one ends the test binary.
std::string readFile(const std::string &path);
nlohmann::json readJson(const std::string &path);
NpyArray readArray(const std::string &path);

/// An array u8 [h, w, 3] as a picture.
Image readArrayAsImage(const std::string &path);

/// Grids of a JSON list of [t, h, w].
std::vector<Grid> gridsOf(const nlohmann::json &list);

/// Number of elements that differ; huge when the lengths do.
template <typename A, typename B> std::size_t countDifferences(const A &a, const B &b) {
  if (std::size(a) != std::size(b))
    return ~std::size_t{0};
  std::size_t count = 0;
  for (std::size_t i = 0; i < std::size(a); ++i)
    count += a[i] != b[i];
  return count;
}

} // namespace qvlrt::testing
