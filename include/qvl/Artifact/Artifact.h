// What the compiler hands to the writer of a `.qvl` artifact.
#pragma once

#include "qvl/Artifact/Recipe.h"
#include "qvlfmt/artifact_generated.h"

#include <optional>

namespace qvl {

/// One weight of the artifact and the tensors that it is packed from.
struct WeightDescription {
  std::string name;
  Shape shape;               ///< logical: [N, K], or [N] when flat
  qvlfmt::Encoding encoding; ///< panel_n = 0 is flat; then only `element` counts
  /// The tensors that it is made of; [V, C, T, P, P] counts as [V, K].
  std::vector<TensorInfo> sources;
  /// How; without one, their rows (elements of a vector) one below the other are those of `shape`.
  std::optional<Recipe> recipe = std::nullopt;
  int64_t interleave = 0; ///< rows of a block of panels that hold two matrices in turns, or 0
};

/// An artifact without its weights' bytes.
struct ArtifactDescription {
  /// Everything but versions and the weight table, which the writer fills in.
  qvlfmt::ArtifactT metadata;
  /// In the order in which they are stored; programs refer to them by index.
  std::vector<WeightDescription> weights;
};

} // namespace qvl
